package detector_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/detector/published"
	"scalenet/engine/cpu"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/goldentest"
	"scalenet/roi"
)

// goldenSamples are the images of a training step of torchvision, and the anchors and RoIs that it sampled.
type goldenSamples struct {
	Padded [2]int
	Images []struct {
		Width, Height int
		Resized       [2]int
		Labels        []int32
		ResizedBoxes  [][4]float32 `json:"resized_boxes"`
	}
	Anchors []struct{ Positive, Negative []int }
	Regions []struct {
		Boxes   [][4]float32
		Labels  []int32
		Matched []int32
	}
}

// goldenGradients are its losses, and of each gradient the norm, the largest value and some values by flat index, in float64.
type goldenGradients struct {
	Losses    map[string]float64
	Gradients []struct {
		Name    string
		L2, Max float64
		Samples [][2]float64
	}
}

// goldenPyramidStep is a training step of torchvision's fasterrcnn_resnet50_fpn, written by published/testdata/torchvision_step.py in float64.
type goldenPyramidStep struct {
	goldenSamples
	goldenGradients
}

func boxesOf(rows [][4]float32) (boxes []geom.Box) {
	for _, r := range rows {
		boxes = append(boxes, geom.Box{X1: r[0], Y1: r[1], X2: r[2], Y2: r[3]})
	}
	return boxes
}

// images returns the images as GoldenStep takes them.
func (golden goldenSamples) images() (images []detector.GoldenImage) {
	for i, im := range golden.Images {
		matches := make([]int32, len(golden.Regions[i].Labels))
		for k, label := range golden.Regions[i].Labels {
			matches[k] = -1
			if label > 0 {
				matches[k] = golden.Regions[i].Matched[k]
			}
		}
		images = append(images, detector.GoldenImage{
			Image:   &imaging.Image{W: im.Width, H: im.Height, Pix: goldentest.Picture(im.Width, im.Height)},
			Resized: geom.Size{H: im.Resized[0], W: im.Resized[1]}, Truth: boxesOf(im.ResizedBoxes), Classes: im.Labels,
			Positive: golden.Anchors[i].Positive, Negative: golden.Anchors[i].Negative,
			RoIs: roi.Assignment{Boxes: boxesOf(golden.Regions[i].Boxes), Labels: golden.Regions[i].Labels, Matches: matches},
		})
	}
	return images
}

// A training step of the pyramid detector with torchvision's sampled anchors and RoIs: losses within 1e-5, gradients within 1e-4 of their scale.
func TestPyramidStepEqualsTorchvision(t *testing.T) {
	var weights goldentest.Detector
	goldentest.Read(t, "published/testdata/resnet50_fpn.json.gz", &weights)
	var golden goldenPyramidStep
	goldentest.Read(t, "published/testdata/torchvision_step.json.gz", &golden)
	converted, err := published.Convert(weights.File(), "resnet50_fpn", weights.SHA256(), published.Options{})
	require.NoError(t, err)
	c := converted.Model.Config
	c.Frozen.Stages, c.RoI.Targets.Samples = -1, 64
	m, err := detector.New(c, converted.Model.Classes, 0)
	require.NoError(t, err)
	for _, p := range m.Params.All() {
		copy(p.Data, converted.Model.Params.Get(p.Name).Data)
	}
	dev, err := cpu.New(cpu.Options{})
	require.NoError(t, err)
	defer dev.Close()
	losses, gradients := detector.GoldenStep(t, m, dev, geom.Size{H: golden.Padded[0], W: golden.Padded[1]}, golden.images())
	// Under torchvision's names: the model with gradients as parameters is written as a state dict.
	for _, g := range gradients {
		require.NoError(t, g.CopyFloat32s(m.Params.Get(g.Name).Data))
	}
	file, _, err := published.ToTorchvision(m)
	require.NoError(t, err)
	require.Len(t, golden.Gradients, len(gradients))
	golden.check(t, losses, file.Tensor)
}

// check compares losses by our names, within 1e-5, and gradients by the names of the golden file, within 1e-4 of their scale.
func (golden goldenGradients) check(t *testing.T, losses map[string]float64, gradient func(name string) (checkpoint.Tensor, bool)) {
	for ours, theirs := range map[string]string{"rpn_objectness": "loss_objectness", "rpn_box": "loss_rpn_box_reg", "class": "loss_classifier", "box": "loss_box_reg"} {
		require.InEpsilon(t, golden.Losses[theirs], losses[ours], 1e-5, ours)
	}
	worst := 0.0
	for _, want := range golden.Gradients {
		x, ok := gradient(want.Name)
		require.True(t, ok, want.Name)
		got, err := x.Float32s()
		require.NoError(t, err)
		sum := 0.0
		for _, v := range got {
			sum += float64(v) * float64(v)
		}
		require.InEpsilon(t, want.L2, math.Sqrt(sum), 1e-4, "norm of the gradient of %s", want.Name)
		for _, s := range want.Samples {
			off := math.Abs(float64(got[int(s[0])])-s[1]) / want.Max
			worst = math.Max(worst, off)
			require.LessOrEqual(t, off, 1e-4, "gradient of %s at %v", want.Name, s[0])
		}
	}
	t.Logf("gradients within %.2g of their scale", worst)
}
