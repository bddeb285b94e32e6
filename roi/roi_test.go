package roi

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

func square(x, side float32) geom.Box { return geom.Box{X1: x, X2: x + side, Y2: side} }

func TestSampleOfThePaper(t *testing.T) {
	c := Paper()
	rng := rand.New(rand.NewPCG(1, 2))
	truth := assign.GroundTruth{Boxes: []geom.Box{square(0, 50)}, Classes: []int32{4}}
	var proposals []geom.Box
	for i := range 40 {
		proposals = append(proposals, square(float32(i), 50), square(float32(i)+200, 50))
	}
	s := c.Sample(proposals, truth, rng)
	require.Len(t, s.Boxes, 128, "drawn with replacement: complete")
	require.Len(t, s.Deltas, 128)
	positives := 0
	for i, label := range s.Labels {
		iou := c.Convention.IoU(s.Boxes[i], truth.Boxes[0])
		if label == 4 {
			positives++
			require.GreaterOrEqual(t, iou, float32(0.5))
			require.InDelta(t, 10*(truth.Boxes[0].X1-s.Boxes[i].X1)/51, s.Deltas[i][0], 1e-5) // std 0.1, width 51
		} else {
			require.Equal(t, Background, label)
			require.Less(t, iou, float32(0.5))
			require.Zero(t, s.Deltas[i])
		}
	}
	require.Equal(t, 19, positives, "all there are: 18 proposals and the box itself")

	s = c.Sample(nil, truth, rng)
	require.Len(t, s.Boxes, 128, "ground truth only")
	require.Equal(t, slices.Repeat([]int32{4}, 128), s.Labels)
	s = c.Sample(proposals, assign.GroundTruth{}, rng)
	require.Equal(t, make([]int32, 128), s.Labels, "background only")
	require.Empty(t, c.Sample(nil, assign.GroundTruth{}, rng).Boxes)
}

func TestSampleOfDefault(t *testing.T) {
	c := Default()
	rng := rand.New(rand.NewPCG(1, 2))
	truth := assign.GroundTruth{Boxes: []geom.Box{square(0, 50)}, Classes: []int32{2}, Crowds: []geom.Box{square(400, 100)}}
	proposals := []geom.Box{square(1, 50), square(300, 50), square(410, 20), square(5, 0)}
	s := c.Sample(proposals, truth, rng)
	require.Equal(t, []geom.Box{proposals[0], truth.Boxes[0], proposals[1], proposals[3]}, s.Boxes, "the one in the crowd is left out")
	require.Equal(t, []int32{2, 2, 0, 0}, s.Labels)
	require.Empty(t, c.Sample(nil, assign.GroundTruth{}, rng).Boxes)
}

func TestFill(t *testing.T) {
	s := Samples{
		Boxes:  make([]geom.Box, 3),
		Labels: []int32{2, 0, 1},
		Deltas: [][4]float32{{1, 2, 3, 4}, {}, {5, 6, 7, 8}},
	}
	c := Default()
	dirty := func(n int) []float32 { return slices.Repeat([]float32{9}, n) }
	labels, targets, weights := make([]int32, 4), dirty(4*12), dirty(4*12)
	require.NoError(t, c.Fill(s, 2, 8, labels, targets, weights))
	require.Equal(t, []int32{2, 0, 1, Ignored}, labels)
	wantTargets, wantWeights := make([]float32, 48), make([]float32, 48)
	copy(wantTargets[8:], []float32{1, 2, 3, 4})
	copy(wantTargets[24+4:], []float32{5, 6, 7, 8})
	for i, v := range wantTargets {
		if v != 0 {
			wantWeights[i] = 0.125
		}
	}
	require.Equal(t, wantTargets, targets)
	require.Equal(t, wantWeights, weights)

	c.ClassAgnostic = true
	labels, targets, weights = make([]int32, 3), dirty(12), dirty(12)
	require.NoError(t, c.Fill(s, 2, 8, labels, targets, weights))
	require.Equal(t, []float32{1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8}, targets)

	require.ErrorContains(t, c.Fill(s, 2, 8, labels[:2], targets, weights), "3 samples in 2 rows")
	require.ErrorContains(t, c.Fill(s, 2, 8, labels, targets, weights[1:]), "11 weights do not fit")
	require.ErrorContains(t, c.Fill(s, 1, 8, labels, targets, weights), "class 2 of RoI 0 is above 1")
}

func TestDetectEdges(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	c := Default()
	image := geom.Size{W: 100, H: 100}
	proposals := []geom.Box{square(0, 10), square(20, 10), square(40, 10), square(60, 10)}
	logits := []float32{0, nan, 5, 0, 0, 9, inf, 0} // scores NaN, 0.007, 0.9999, NaN
	got, err := c.Detect(proposals, logits, make([]float32, 32), 1, image)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, proposals[2], got[0].Box)
	require.EqualValues(t, 1, got[0].Class)
	require.InDelta(t, 0.9999, got[0].Score, 1e-4)

	got, err = c.Detect(proposals, logits, slices.Repeat([]float32{nan}, 32), 1, image)
	require.NoError(t, err)
	require.Empty(t, got, "boxes and scores that are not numbers")
	paper := Paper()
	got, err = paper.Detect(proposals, make([]float32, 8), slices.Repeat([]float32{nan}, 32), 1, image)
	require.NoError(t, err)
	require.Empty(t, got)

	_, err = c.Detect(proposals, logits[1:], make([]float32, 32), 1, image)
	require.ErrorContains(t, err, "4 proposals and 1 classes need 8 logits and 32 deltas, not 7 and 32")
}

func TestValidate(t *testing.T) {
	require.NoError(t, Default().Validate())
	require.NoError(t, Paper().Validate())
	for want, change := range map[string]func(*Config){
		"roi.align.size = 0: must be from 1 to 64": func(c *Config) { c.Align.Size = 0 },
		"roi.align.sampling_ratio = -1":            func(c *Config) { c.Align.SamplingRatio = -1 },
		"roi.box_weights[3] = 0":                   func(c *Config) { c.BoxWeights[3] = 0 },
		"roi.loss_beta = -1":                       func(c *Config) { c.LossBeta = -1 },
		"roi.targets.foreground_iou = 0":           func(c *Config) { c.Targets.ForegroundIoU = 0 },
		"roi.targets.background_iou = 0.6":         func(c *Config) { c.Targets.BackgroundIoU = 0.6 },
		"roi.targets.samples = 0":                  func(c *Config) { c.Targets.Samples = 0 },
		"roi.targets.positive_fraction = 1.1":      func(c *Config) { c.Targets.PositiveFraction = 1.1 },
		"roi.targets.crowd_share = 7":              func(c *Config) { c.Targets.CrowdShare = 7 },
		"roi.detections.score = -1":                func(c *Config) { c.Detections.Score = -1 },
		"roi.detections.nms_iou = NaN":             func(c *Config) { c.Detections.NMSIoU = math.NaN() },
		"roi.detections.min_size = NaN":            func(c *Config) { c.Detections.MinSize = math.NaN() },
		"roi.detections.per_image = 0":             func(c *Config) { c.Detections.PerImage = 0 },
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

// 300 RoIs and 80 classes: the paper's score above 0 leaves all 24,000 boxes.
func BenchmarkDetect(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	proposals := make([]geom.Box, 300)
	for i := range proposals {
		x, y := rng.Float32()*800, rng.Float32()*500
		proposals[i] = geom.Box{X1: x, Y1: y, X2: x + 10 + rng.Float32()*200, Y2: y + 10 + rng.Float32()*200}
	}
	logits, deltas := make([]float32, 300*81), make([]float32, 300*81*4)
	for i := range logits {
		logits[i] = float32(rng.NormFloat64()) * 2
	}
	for i := range deltas {
		deltas[i] = float32(rng.NormFloat64())
	}
	for name, c := range map[string]Config{"default": Default(), "paper": Paper()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = c.Detect(proposals, logits, deltas, 80, geom.Size{W: 904, H: 600})
			}
		})
	}
}
