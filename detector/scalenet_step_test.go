package detector_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/engine/cpu"
	"scalenet/geom"
	"scalenet/internal/goldentest"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
)

// goldenScaleNetStep is testdata/scalenet_fpn_step.json.gz, written by testdata/scalenet_fpn_step.py in float64.
type goldenScaleNetStep struct {
	goldenSamples
	Seed            string
	Tensors         []goldentest.Parameter
	Frozen, Trained goldenGradients
}

// scaleNetPyramid is the detector of scalenet_fpn_step.py.
func scaleNetPyramid(t *testing.T, golden goldenScaleNetStep, frozenNorms bool) *detector.Model {
	c := detector.Default()
	c.Backbone = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 16, Kernel: 7}, Blocks: []int{1, 2, 1, 1}, Planes: []int{6, 8, 12, 16},
		Structure: backbone.Structure{{5, 2, 2, 2, 56}, {6, 3, 2, 0, 28}, {4, 3, 2, 3, 28}, {8, 4, 3, 0, 14}, {10, 6, 0, 0, 7}}}
	c.Neck = &backbone.FPN{Stages: []int{1, 2, 3, 4}, Channels: 16, ExtraLevel: true}
	c.RPN.Channels = 16
	c.RPN.Anchors.Stride, c.RPN.Anchors.Sizes, c.RPN.Anchors.SizePerLevel = 4, []float64{8, 16, 32, 64, 128}, true
	c.RPN.Anchors.Rounding, c.RPN.Anchors.Spacing = rpn.RoundCorners, rpn.SpacingFloor
	c.RPN.Targets.Samples = 64
	c.RoI.Align = roi.AlignConfig{Size: 5, SamplingRatio: 2, CanonicalSize: 48, CanonicalLevel: 4, LevelFormula: nn.TorchvisionLevels}
	c.RoI.BoxHead = &roi.BoxHead{Linear: 2, Channels: 32}
	c.RoI.LossBeta, c.RoI.Targets.Samples = 1.0/9, 32
	c.Frozen = detector.Frozen{Stages: -1, Norms: frozenNorms}
	var classes []string
	for i := range 90 {
		classes = append(classes, fmt.Sprint("class ", i+1))
	}
	m, err := detector.New(c, classes, 0)
	require.NoError(t, err)
	require.Len(t, m.Params.All(), len(golden.Tensors))
	for _, p := range golden.Tensors {
		to := m.Params.Get(p.Name)
		require.NotNil(t, to, p.Name)
		require.Equal(t, p.Shape, []int(to.Shape), p.Name)
		require.NoError(t, p.Tensor(golden.Seed).CopyFloat32s(to.Data))
	}
	return m
}

// A training step of the pyramid detector on a small ScaleNet, with the anchors and RoIs that torchvision sampled, and BatchNorm frozen and trained: losses
// within 1e-5, gradients within 1e-4 of their scale.
func TestScaleNetPyramidStepEqualsTorchvision(t *testing.T) {
	var golden goldenScaleNetStep
	goldentest.Read(t, "testdata/scalenet_fpn_step.json.gz", &golden)
	dev, err := cpu.New(cpu.Options{})
	require.NoError(t, err)
	defer dev.Close()
	for name, frozen := range map[string]bool{"frozen norms": true, "trained norms": false} {
		t.Run(name, func(t *testing.T) {
			want := golden.Trained
			if frozen {
				want = golden.Frozen
			}
			m := scaleNetPyramid(t, golden, frozen)
			losses, gradients := detector.GoldenStep(t, m, dev, geom.Size{H: golden.Padded[0], W: golden.Padded[1]}, golden.images())
			require.Len(t, want.Gradients, len(gradients))
			byName := map[string]checkpoint.Tensor{}
			for _, g := range gradients {
				byName[g.Name] = g
			}
			want.check(t, losses, func(name string) (checkpoint.Tensor, bool) { g, ok := byName[name]; return g, ok })
		})
	}
}
