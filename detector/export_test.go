package detector

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/assign"
	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
	"scalenet/roi"
)

// GoldenImage is an image of a training step of another detector, with what that detector sampled. Boxes are in pixels of the model input.
type GoldenImage struct {
	Image              *imaging.Image
	Resized            geom.Size
	Truth              []geom.Box
	Classes            []int32
	Positive, Negative []int // anchors
	RoIs               roi.Assignment
}

// GoldenStep runs a training step with given samples. It returns the losses by name, and the gradients with the names of their parameters.
func GoldenStep(t *testing.T, m *Model, dev engine.Device, padded geom.Size, images []GoldenImage) (losses map[string]float64, gradients []checkpoint.Tensor) {
	store := engine.NewStore(dev, m.Params)
	defer store.Close()
	parts, err := m.gradientParts()
	require.NoError(t, err)
	step, err := m.compileTraining(dev, store, batchSize{len(images), padded.H, padded.W}, 0, parts)
	require.NoError(t, err)
	defer step.close()
	c := m.Config
	in := input{pixels: make([]float32, 3*padded.H*padded.W*len(images))}
	var batch []example
	for i, im := range images {
		raw := coco.RawImage{Image: im.Image, Transform: raster.Transform{W: im.Resized.W, H: im.Resized.H}}
		n := imaging.Normalization{Mean: c.Input.Mean, Std: c.Input.Std}
		require.NoError(t, n.FillResized(part(in.pixels, i, len(images)), 3*padded.W, raw.Image, raw.Transform))
		truth, err := assign.NewGroundTruth(im.Truth, im.Classes, make([]bool, len(im.Truth)), c.Boxes)
		require.NoError(t, err)
		batch = append(batch, example{im.Resized, truth})
	}
	require.NoError(t, step.forward(t.Context(), m, in, batch))
	var s samples
	for i, im := range images {
		a := c.RPN.Assign(step.grid, batch[i].truth, im.Resized)
		s.anchors = append(s.anchors, c.RPN.SampledTargets(step.grid, batch[i].truth, a, im.Positive, im.Negative))
		var all []int
		for k := range im.RoIs.Boxes {
			all = append(all, k)
		}
		s.rois = append(s.rois, c.RoI.SamplesOf(im.RoIs, batch[i].truth, all))
	}
	require.NoError(t, step.fill(m, s))
	require.NoError(t, step.backward(t.Context(), 1, nil))
	named, err := step.losses()
	require.NoError(t, err)
	losses = map[string]float64{}
	for _, l := range named {
		losses[l.Name] = l.Value
	}
	for _, p := range m.Params.All() {
		memory := step.gradients.Of(p)
		if memory == nil {
			continue
		}
		values := make([]float32, p.Shape.TotalSize())
		require.NoError(t, dev.Read(values, memory))
		gradients = append(gradients, checkpoint.Float32Tensor(p.Name, p.Shape, values))
	}
	return losses, gradients
}
