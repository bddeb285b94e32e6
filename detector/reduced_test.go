package detector

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
)

// TestReduced detects in a large photograph as a whole and reduced while it is decoded: the same objects, in pixels of the whole.
func TestReduced(t *testing.T) {
	m, err := Load("../models/bccd.safetensors")
	require.NoError(t, err)
	dev := newCPU(t)
	d := NewDetector(m, dev, Options{})
	defer d.Close()
	small, err := imaging.Load("../examples/BloodImage_00111.jpg", imaging.Limits{})
	require.NoError(t, err)
	large, err := small.Resize(4*small.W, 4*small.H)
	require.NoError(t, err)
	data, err := large.Encode(".jpg")
	require.NoError(t, err)

	for name, views := range map[string]TTA{"one view": {}, "mirrored and larger": {Flip: true, Scales: []float64{0.8, 1.1}}} {
		t.Run(name, func(t *testing.T) {
			s := m.Settings()
			s.TTA, s.Detections.Score = views, 0.2
			image, size, err := imaging.DecodeReduced(data, imaging.Limits{}, m.Needed(s))
			require.NoError(t, err)
			require.Less(t, image.W, large.W)
			require.Equal(t, geom.Size{W: large.W, H: large.H}, size)
			whole, err := imaging.Decode(data, imaging.Limits{})
			require.NoError(t, err)
			found, _, err := d.DetectEach(Query{Image: whole, Settings: s}, Query{Image: image, Settings: s, Original: size})
			require.NoError(t, err)
			sure, again := 0, 0
			for _, want := range found[0] {
				if want.Score < 0.5 {
					continue
				}
				sure++
				if holds(found[1], want) {
					again++
				}
			}
			assert.Greater(t, sure, 15)
			assert.GreaterOrEqual(t, again, sure-1)
		})
	}

	m.Config.Input.Resize = imaging.Pillow
	assert.Nil(t, m.Needed(m.Settings()), "published detectors that average pixels take all")
}

// holds reports whether almost the same object is among others.
func holds(list []roi.Detection, want roi.Detection) bool {
	for _, x := range list {
		if x.Class == want.Class && geom.Continuous.IoU(x.Box, want.Box) > 0.9 && x.Score > want.Score-0.1 && x.Score < want.Score+0.1 {
			return true
		}
	}
	return false
}
