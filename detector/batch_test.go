package detector

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/imaging"
	"scalenet/roi"
)

// An image's detections have the same bits alone and in batches of any size, for every number of threads.
func TestBatchesDoNotChangeDetections(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var images []*imaging.Image
	for range 5 {
		im := imaging.New(150, 110)
		for i := range im.Pix {
			im.Pix[i] = uint8(random.Uint32() >> random.IntN(8))
		}
		images = append(images, im)
	}
	for _, preset := range []string{"bccd", "fpn_small"} {
		c, err := Presets().Get(preset)
		require.NoError(t, err)
		c = c.WithTestSize(110, 200)
		c.RPN.Proposals.Test.AfterNMS = 70 // in batches of 1, 2, 3, 5: box head runs of 35 to 64 RoIs
		c.RoI.Detections.Score = 0.01
		m, err := New(c, []string{"a", "b"}, 7)
		require.NoError(t, err)
		for _, threads := range []int{1, 2, 3} {
			for _, typ := range []engine.DType{engine.Float32, engine.BFloat16} {
				t.Run(fmt.Sprintf("%s/%d threads/%v", preset, threads, typ), func(t *testing.T) { sameInBatches(t, m, threads, typ, images) })
			}
		}
	}
}

func sameInBatches(t *testing.T, m *Model, threads int, typ engine.DType, images []*imaging.Image) {
	dev, err := cpu.New(cpu.Options{Threads: threads})
	require.NoError(t, err)
	defer dev.Close()
	if why := dev.Capabilities().Supports(typ); why != nil {
		t.Skip(why)
	}
	d := NewDetector(m, dev, Options{Features: typ})
	defer d.Close()
	var alone [][]roi.Detection
	for _, im := range images {
		found, _, err := d.Detect(im)
		require.NoError(t, err)
		require.NotEmpty(t, found[0])
		alone = append(alone, found[0])
	}
	for _, n := range []int{2, 3, 5} {
		found, _, err := d.Detect(images[:n]...)
		require.NoError(t, err)
		assert.Equal(t, alone[:n], found, "in a batch of %d", n)
	}
}
