package detector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/tile"
)

// An image that a caller has made wrong is an error before any image of the call is started.
func TestDetectRefusesImages(t *testing.T) {
	m := newModel(t, smallConfig())
	good := noise(rand.New(rand.NewPCG(1, 2)), 64, 64)
	flipped := m.Settings()
	flipped.TTA.Flip = true
	for name, devices := range map[string][]engine.Device{"one device": {newCPU(t)}, "two devices": {newCPU(t), newCPU(t)}} {
		d := NewParallelDetector(m, devices, Options{})
		for _, c := range []struct {
			query Query
			want  string
		}{
			{Query{Settings: m.Settings()}, "detector: images[1]: the image is nil"},
			{Query{Image: &imaging.Image{W: 10, H: 10}, Settings: m.Settings()}, "detector: images[1]: an image of 10x10 pixels: Pix has 0 bytes, want 3 for each pixel"},
			{Query{Image: &imaging.Image{W: 10, H: 10}, Settings: flipped}, "detector: images[1]: an image of 10x10 pixels: Pix has 0 bytes, want 3 for each pixel"},
			{Query{Image: &imaging.Image{}, Settings: m.Settings()}, "detector: images[1]: an image of 0x0 pixels: sides must be at least 1"},
			{Query{Image: good, Settings: m.Settings(), Original: geom.Size{W: -1, H: 9}}, "detector: images[1]: the original size is -1x9: sides must be at least 1"},
		} {
			_, _, err := d.DetectEach(Query{Image: good, Settings: m.Settings()}, c.query)
			require.EqualError(t, err, c.want, name)
			require.Zero(t, d.Bytes(), "nothing was compiled")
		}
		_, _, err := d.Detect(nil)
		require.EqualError(t, err, "detector: images[0]: the image is nil", name)

		tiles := tile.Options{Side: 64, Overlap: 0.2, Merge: tile.DefaultMerge()}
		_, err = d.StartTiled(t.Context(), nil, m.Settings(), tiles, 1)
		require.EqualError(t, err, "detector: the picture is nil", name)
		_, err = d.StartTiled(t.Context(), (&imaging.Image{W: 100, H: 100}).Strips(), m.Settings(), tiles, 1)
		require.EqualError(t, err, "detector: an image of 100x100 pixels: Pix has 0 bytes, want 3 for each pixel", name)

		_, _, err = d.Detect(good)
		require.NoError(t, err, "%s: it goes on", name)
		d.Close()
		_, _, err = d.Detect(good)
		require.EqualError(t, err, "detector: used after Close", name)
		d.Close()
	}
}

// A run that was started before Close has its detections after it.
func TestWaitAfterClose(t *testing.T) {
	m := newModel(t, smallConfig())
	d := NewParallelDetector(m, []engine.Device{newCPU(t), newCPU(t)}, Options{})
	run, err := d.Start(Query{Image: imaging.New(64, 64), Settings: m.Settings()})
	require.NoError(t, err)
	d.Close()
	found, _, err := run.Wait()
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func TestNewDetectorRefusesNil(t *testing.T) {
	m, dev := newModel(t, smallConfig()), ref.New(ref.Options{})
	require.PanicsWithValue(t, "detector: NewDetector: the model is nil", func() { NewDetector(nil, dev, Options{}) })
	require.PanicsWithValue(t, "detector: NewDetector: the device is nil", func() { NewDetector(m, nil, Options{}) })
	require.PanicsWithValue(t, "detector: NewDetector: the device is nil", func() { NewParallelDetector(m, []engine.Device{dev, nil}, Options{}) })
	require.PanicsWithValue(t, "detector: NewParallelDetector: there are no devices", func() { NewParallelDetector(m, nil, Options{}) })
}
