package rpn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalenet/assign"
	"scalenet/geom"
)

func TestSampleAndFill(t *testing.T) {
	c := Default()
	anchors := c.Anchors.Grid(8, 9)
	image := geom.Size{W: 144, H: 128}
	truth := assign.GroundTruth{Boxes: []geom.Box{{X1: 20, Y1: 20, X2: 70, Y2: 60}, anchors[100]}}
	targets := c.Sample(anchors, truth, image, rand.New(rand.NewPCG(1, 2)))
	require.Equal(t, 256, targets.Samples())
	require.NotEmpty(t, targets.Positive)
	require.Contains(t, targets.Positive, 100)
	require.Equal(t, targets, c.Sample(anchors, truth, image, rand.New(rand.NewPCG(1, 2))), "the same seed")

	n := len(anchors)
	labels, deltas, weights := make([]int32, n), slices.Repeat([]float32{9}, 4*n), slices.Repeat([]float32{9}, 4*n)
	require.NoError(t, targets.Fill(512, labels, deltas, weights))
	for i := range anchors {
		want, weight := Ignored, float32(0)
		if slices.Contains(targets.Positive, i) {
			want, weight = Foreground, 1.0/512
		} else if slices.Contains(targets.Negative, i) {
			want = Background
		}
		require.Equal(t, want, labels[i])
		require.Equal(t, slices.Repeat([]float32{weight}, 4), weights[4*i:4*i+4])
		if want != Foreground {
			require.Equal(t, make([]float32, 4), deltas[4*i:4*i+4])
		}
	}
	at := slices.Index(targets.Positive, 100)
	require.Equal(t, targets.Deltas[at][:], deltas[400:404])
	require.ErrorContains(t, targets.Fill(1, labels, deltas[1:], weights), "not 4319 and 4320")
}

func TestAssignEdges(t *testing.T) {
	c := Default()
	anchors := c.Anchors.Grid(4, 4)
	image := geom.Size{W: 64, H: 64}
	background := slices.Repeat([]int32{Background}, len(anchors))

	require.Equal(t, background, c.Assign(anchors, assign.GroundTruth{}, image).Labels, "an image without boxes")
	far := assign.GroundTruth{Boxes: []geom.Box{{X1: 5000, Y1: 5000, X2: 5010, Y2: 5010}}}
	require.Equal(t, background, c.Assign(anchors, far, image).Labels, "no anchor reaches the box")
	require.Empty(t, c.Assign(nil, far, image).Labels)

	crowd := assign.GroundTruth{Crowds: []geom.Box{{X1: -500, Y1: -500, X2: 500, Y2: 500}}}
	require.Equal(t, slices.Repeat([]int32{Ignored}, len(anchors)), c.Assign(anchors, crowd, image).Labels, "all in a crowd")
	targets := c.Sample(anchors, crowd, image, rand.New(rand.NewPCG(1, 2)))
	require.Zero(t, targets.Samples())
	c.Targets.CrowdShare = 0
	require.Equal(t, background, c.Assign(anchors, crowd, image).Labels)

	// A one-pixel box is the best match of some anchor, low as its overlap is.
	pixel := assign.GroundTruth{Boxes: []geom.Box{{X1: 30, Y1: 30, X2: 31, Y2: 31}}}
	require.Contains(t, c.Assign(anchors, pixel, image).Labels, Foreground)

	paper := Paper() // in an image this small every anchor crosses the border
	a := paper.Assign(paper.Anchors.Grid(1, 1), pixel, geom.Size{W: 16, H: 16})
	require.Equal(t, slices.Repeat([]int32{Ignored}, 12), a.Labels)
}

func TestProposeEdges(t *testing.T) {
	c := Default()
	image := geom.Size{W: 16, H: 16}
	anchors := c.Anchors.Grid(1, 1)
	nan := float32(math.NaN())
	deltas := make([]float32, 4*len(anchors))

	out, err := c.Propose(anchors, slices.Repeat([]float32{nan}, len(anchors)), deltas, image, c.Proposals.Test)
	require.NoError(t, err)
	require.Empty(t, out.Boxes, "scores that are not numbers")
	out, err = c.Propose(anchors, make([]float32, len(anchors)), slices.Repeat([]float32{nan}, len(deltas)), image, c.Proposals.Test)
	require.NoError(t, err)
	require.Empty(t, out.Boxes, "deltas that are not numbers")
	out, err = c.Propose(nil, nil, nil, image, c.Proposals.Test)
	require.NoError(t, err)
	require.Empty(t, out.Boxes)
	inf := float32(math.Inf(1))
	out, err = c.Propose(anchors, slices.Repeat([]float32{inf}, len(anchors)), slices.Repeat([]float32{0, 0, inf, inf}, len(anchors)), image, c.Proposals.Test)
	require.NoError(t, err)
	require.Equal(t, []geom.Box{{X2: 16, Y2: 16}}, out.Boxes, "infinite deltas: the whole image, once")
	require.Equal(t, []float32{1}, out.Scores)

	_, err = c.Propose(anchors, make([]float32, 3), deltas, image, c.Proposals.Test)
	require.ErrorContains(t, err, "15 anchors need 15 logits and 60 deltas, not 3 and 60")
	_, err = Paper().Propose(anchors, make([]float32, 15), deltas, image, c.Proposals.Test)
	require.ErrorContains(t, err, "need 30 logits")
}

func TestValidate(t *testing.T) {
	require.NoError(t, Default().Validate())
	require.NoError(t, Paper().Validate())
	for want, change := range map[string]func(*Config){
		"rpn.anchors.stride = 0":                     func(c *Config) { c.Anchors.Stride = 0 },
		"rpn.anchors.sizes[1] = -3":                  func(c *Config) { c.Anchors.Sizes = []float64{1, -3} },
		"rpn.anchors.sizes = []":                     func(c *Config) { c.Anchors.Sizes = nil },
		"rpn.anchors.ratios[0] = NaN":                func(c *Config) { c.Anchors.Ratios = []float64{math.NaN()} },
		"rpn.anchors.rounding = up":                  func(c *Config) { c.Anchors.Rounding = "up" },
		"rpn.objectness = tanh":                      func(c *Config) { c.Objectness = "tanh" },
		"rpn.channels = 0":                           func(c *Config) { c.Channels = 0 },
		"rpn.loss_beta = 0":                          func(c *Config) { c.LossBeta = 0 },
		"rpn.box_weights[1] = 0":                     func(c *Config) { c.BoxWeights[1] = 0 },
		"rpn.targets.foreground_iou = 1.5":           func(c *Config) { c.Targets.ForegroundIoU = 1.5 },
		"rpn.targets.background_iou = 0.8":           func(c *Config) { c.Targets.BackgroundIoU = 0.8 },
		"rpn.targets.samples = -1":                   func(c *Config) { c.Targets.Samples = -1 },
		"rpn.targets.positive_fraction = 2":          func(c *Config) { c.Targets.PositiveFraction = 2 },
		"rpn.targets.crowd_share = -1":               func(c *Config) { c.Targets.CrowdShare = -1 },
		"rpn.proposals.nms_iou = NaN":                func(c *Config) { c.Proposals.NMSIoU = math.NaN() },
		"rpn.proposals.min_size = -1":                func(c *Config) { c.Proposals.MinSize = -1 },
		"rpn.proposals.train.before_nms = 0":         func(c *Config) { c.Proposals.Train.BeforeNMS = 0 },
		"rpn.proposals.test.after_nms = 0: must be ": func(c *Config) { c.Proposals.Test.AfterNMS = 0 },
	} {
		c := Default()
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

func TestConfigSurvivesYAML(t *testing.T) {
	for _, c := range []Config{Default(), Paper()} {
		text, err := yaml.Marshal(c)
		require.NoError(t, err)
		back := Config{Convention: c.Convention}
		require.NoError(t, yaml.Unmarshal(text, &back))
		require.Equal(t, c, back)
	}
}

// A 600x904 image at stride 16: 38 x 57 cells with 12 anchors each, 25,992.
func BenchmarkPropose(b *testing.B) {
	c := Paper()
	rng := rand.New(rand.NewPCG(1, 2))
	anchors := c.Anchors.Grid(38, 57)
	logits, deltas := make([]float32, 2*len(anchors)), make([]float32, 4*len(anchors))
	for i := range logits {
		logits[i] = float32(rng.NormFloat64())
	}
	for i := range deltas {
		deltas[i] = float32(rng.NormFloat64()) * 0.2
	}
	for name, counts := range map[string]Counts{"test 6000-300": c.Proposals.Test, "train 12000-2000": c.Proposals.Train, "all 6000": {6000, 6000}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = c.Propose(anchors, logits, deltas, geom.Size{W: 904, H: 600}, counts)
			}
		})
	}
}

func BenchmarkSample(b *testing.B) {
	c := Default()
	anchors := c.Anchors.Grid(38, 57)
	truth := assign.GroundTruth{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		x, y := rng.Float32()*800, rng.Float32()*500
		truth.Boxes = append(truth.Boxes, geom.Box{X1: x, Y1: y, X2: x + 20 + rng.Float32()*80, Y2: y + 20 + rng.Float32()*80})
	}
	for b.Loop() {
		c.Sample(anchors, truth, geom.Size{W: 904, H: 600}, rng)
	}
}
