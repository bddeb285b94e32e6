package recipe

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/detector"
	"scalenet/train"
)

// photographs is a data set of images of w x h pixels, each with n objects of the given sides, in classes by their order.
func photographs(t *testing.T, images, w, h, n int, sides ...float64) *coco.Dataset {
	r := rand.New(rand.NewPCG(1, 2))
	d := &coco.Dataset{Path: "photographs"}
	for i := range sides {
		d.Categories = append(d.Categories, coco.Category{ID: int64(i + 1), Name: "class " + string(rune('a'+i))})
	}
	for i := range images {
		d.Images = append(d.Images, coco.Image{ID: int64(i + 1), FileName: fmt.Sprintf("%d.jpg", i), Width: w, Height: h})
		for j := range n {
			class := j % len(sides)
			side := sides[class] * (0.9 + 0.2*r.Float64())
			d.Annotations = append(d.Annotations, coco.Annotation{ID: int64(len(d.Annotations) + 1), Image: i, Class: class + 1,
				Box: [4]float64{r.Float64() * (float64(w) - side), r.Float64() * (float64(h) - side), side, side}})
		}
	}
	path := filepath.Join(t.TempDir(), "photographs")
	require.NoError(t, coco.WriteCOCO(path, d))
	d, err := coco.Open(path, coco.Options{})
	require.NoError(t, err)
	return d
}

func look(t *testing.T, d *coco.Dataset) Look {
	l, err := LookAt(d)
	require.NoError(t, err)
	return l
}

// base is a small detector with a pyramid, and unlimited the limits of a machine with memory and time for everything.
func base(t *testing.T) detector.Config {
	c, err := detector.Presets().Get("fpn_small")
	require.NoError(t, err)
	return c
}

func unlimited() Limits { return Limits{BFloat16: errors.New("no")} }

func derive(t *testing.T, l Look, limits Limits, given ...string) *Recipe {
	r, err := Derive(base(t), given, l, limits)
	require.NoError(t, err)
	for _, c := range r.Choices {
		require.NotEmpty(t, c.Reason, c.Key)
	}
	return r
}

func TestSize(t *testing.T) {
	for name, c := range map[string]struct {
		w, h    int
		side    float64
		shorter int
	}{
		"large objects":             {640, 480, 300, 320},
		"medium objects":            {640, 480, 40, 384},
		"small objects":             {1600, 1200, 40, 640},
		"no more pixels":            {400, 300, 10, 320},
		"smaller than the smallest": {100, 80, 10, 256},
		"tall":                      {480, 640, 40, 384},
	} {
		t.Run(name, func(t *testing.T) {
			r := derive(t, look(t, photographs(t, 20, c.w, c.h, 3, c.side)), unlimited())
			in := r.Config.Input
			require.Equal(t, []int{c.shorter}, in.Shorter)
			require.Equal(t, in.Shorter[0], in.TestShorter)
			require.Equal(t, in.Longest, in.TestLongest)
			require.GreaterOrEqual(t, in.Longest, c.shorter*max(c.w, c.h)/min(c.w, c.h))
			require.Zero(t, in.Longest%32)
		})
	}
	// A rare class does not decide, a class of its own does.
	d := photographs(t, 100, 640, 480, 2, 200, 30)
	require.Equal(t, []int{480}, derive(t, look(t, d), unlimited()).Config.Input.Shorter)
}

func TestAnchors(t *testing.T) {
	for name, d := range map[string]*coco.Dataset{
		"small":  photographs(t, 30, 640, 480, 3, 24),
		"large":  photographs(t, 30, 640, 480, 3, 420),
		"of all": photographs(t, 30, 640, 480, 6, 30, 60, 120, 240, 400),
		"usual":  photographs(t, 30, 640, 480, 3, 64),
	} {
		l := look(t, d)
		r := derive(t, l, unlimited())
		before, err := r.fit(base(t), r.inputBoxes(l))
		require.NoError(t, err)
		after, err := r.fit(r.Config, r.inputBoxes(l))
		require.NoError(t, err)
		require.GreaterOrEqual(t, after.score, before.score, name)
		require.GreaterOrEqual(t, after.recall, before.recall, name)
		require.Greater(t, after.recall, 0.75, name)
		_, err = r.Config.Resolve()
		require.NoError(t, err, name)
	}
	kept := derive(t, look(t, photographs(t, 30, 640, 480, 3, 420)), unlimited(), "rpn.anchors.sizes", "rpn.anchors.ratios").Config
	require.Equal(t, base(t).RPN.Anchors, kept.RPN.Anchors)
}

func TestGivenKeysStay(t *testing.T) {
	l := look(t, photographs(t, 30, 640, 480, 3, 40))
	c := base(t)
	c.Batch, c.Train.LR, c.Input.Shorter, c.Train.Epochs = 2, 0.5, []int{480, 512}, 7
	r, err := Derive(c, []string{"batch", "train.lr", "input.shorter", "train.epochs", "input.hue"}, l, unlimited())
	require.NoError(t, err)
	require.Equal(t, 2, r.Config.Batch)
	require.Equal(t, 0.5, r.Config.Train.LR)
	require.Equal(t, []int{480, 512}, r.Config.Input.Shorter)
	require.Equal(t, 512, r.Config.Input.TestShorter, "the others go with the largest")
	require.GreaterOrEqual(t, r.Config.Input.Longest, 512*640/480)
	require.Equal(t, 7, r.Config.Train.Epochs)
	require.Zero(t, r.Config.Input.Hue)
	for _, choice := range r.Choices {
		require.NotContains(t, []string{"batch", "train.lr", "input.shorter", "train.epochs", "input.hue"}, choice.Key)
	}
}

func TestBatchFitsTheMemory(t *testing.T) {
	l := look(t, photographs(t, 30, 640, 480, 3, 40))
	limits := unlimited()
	limits.Bytes = 10 << 30
	for need, batch := range map[int64]int{1 << 30: 4, 3 << 30: 2, 6 << 30: 1, 60 << 30: 1} {
		limits.Needs = func(c detector.Config) (int64, error) { return int64(c.Batch) * need, nil }
		r := derive(t, l, limits)
		require.Equal(t, batch, r.Config.Batch)
		require.InDelta(t, 0.02*float64(batch)/4, r.Config.Train.LR, 1e-12)
	}
	require.Equal(t, 1, derive(t, look(t, photographs(t, 1, 64, 64, 1, 30)), unlimited()).Config.Batch)
}

func TestNormsAndRate(t *testing.T) {
	l := look(t, photographs(t, 30, 640, 480, 3, 40))
	published, err := detector.Presets().Get("fpn")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		base    detector.Config
		trained bool
		given   []string
		frozen  bool
		lr      float64
	}{
		"from scratch":      {base(t), false, nil, false, 0.02},
		"trained detector":  {base(t), true, nil, true, 0.02},
		"given":             {base(t), true, []string{"frozen.norms"}, false, 0.02},
		"given above":       {base(t), true, []string{"frozen"}, false, 0.02},
		"published network": {published, true, nil, true, 0.005},
	} {
		t.Run(name, func(t *testing.T) {
			limits := unlimited()
			limits.Trained = c.trained
			r, err := Derive(c.base, c.given, l, limits)
			require.NoError(t, err)
			require.Equal(t, c.frozen, r.Config.Frozen.Norms)
			require.Equal(t, c.lr, r.Config.Train.LR)
			require.Equal(t, c.base.Frozen.Stages, r.Config.Frozen.Stages)
		})
	}
}

func TestScaleJitterNeedsEpochs(t *testing.T) {
	l := look(t, photographs(t, 30, 640, 480, 3, 40))
	for epochs, want := range map[int][]float64{12: nil, 29: nil, 30: {0.6, 1.5}, 200: {0.6, 1.5}} {
		c := base(t)
		c.Train.Epochs, c.Input.ScaleJitter = epochs, []float64{0.5, 2}
		r, err := Derive(c, []string{"train.epochs"}, l, unlimited())
		require.NoError(t, err)
		require.ElementsMatch(t, want, r.Config.Input.ScaleJitter)
		r, err = Derive(c, []string{"train.epochs", "input.scale_jitter"}, l, unlimited())
		require.NoError(t, err)
		require.Equal(t, []float64{0.5, 2}, r.Config.Input.ScaleJitter)
	}
}

func TestMosaicsStop(t *testing.T) {
	l := look(t, photographs(t, 30, 640, 480, 3, 40))
	for epochs, mosaics := range map[int]int{1: 1, 2: 1, 10: 8, 200: 160} {
		c := base(t)
		c.Train.Epochs = epochs
		r, err := Derive(c, []string{"train.epochs"}, l, unlimited())
		require.NoError(t, err)
		require.Equal(t, mosaics, r.Config.Input.MosaicEpochs)
	}
}

func TestSchedule(t *testing.T) {
	for images, epochs := range map[int]int{1: 200, 100: 120, 205: 58, 5000: 12} {
		r := derive(t, look(t, photographs(t, images, 640, 480, 1, 60)), unlimited())
		c := r.Config.Train
		require.Equal(t, epochs, c.Epochs)
		steps := c.Epochs * ((images + r.Config.Batch - 1) / r.Config.Batch)
		require.LessOrEqual(t, c.Schedule.WarmupSteps, steps/10)
		require.LessOrEqual(t, c.Epochs/c.EvalEpochs, 15)
		require.Equal(t, "cosine", c.Schedule.Kind)
	}
}

func TestBudget(t *testing.T) {
	l := look(t, photographs(t, 400, 640, 480, 3, 30))
	limits := unlimited()
	limits.Validation = 100
	limits.Measure = func(c detector.Config) (time.Duration, error) {
		return time.Duration(c.Input.Shorter[0]*c.Input.Shorter[0]) * time.Microsecond, nil // 230 ms at 480
	}
	limits.Budget = time.Hour
	r := derive(t, l, limits)
	require.Equal(t, train.Duration(time.Hour), r.Config.Train.Budget)
	require.InDelta(t, 38, r.Config.Train.Epochs, 3) // an hour of 230 ms, without the evaluations
	require.Equal(t, []int{480}, r.Config.Input.Shorter)
	limits.Budget = 8 * time.Minute
	r = derive(t, l, limits)
	require.Less(t, r.Config.Input.Shorter[0], 480)
	require.Equal(t, r.Config.Input.Shorter[0], r.Config.Input.TestShorter)
	require.GreaterOrEqual(t, r.Config.Train.Epochs, 7)
	require.Equal(t, 1, strings.Count(printed(t, r), "input.shorter"), "one reason for a key")

	c := detector.Default() // with a schedule of steps
	c.Train.Budget = train.Duration(time.Hour)
	c.Frozen = detector.Frozen{Stages: -1}
	fromSteps, err := Derive(c, []string{"train.budget"}, l, limits)
	require.NoError(t, err)
	require.Equal(t, "cosine", fromSteps.Config.Train.Schedule.Kind)

	limits.Budget = time.Second
	_, err = Derive(base(t), nil, l, limits)
	require.ErrorContains(t, err, "--budget 1s is too short: a step of 4 images takes ")
	_, advice, _ := strings.Cut(err.Error(), "give at least ")
	limits.Budget, err = time.ParseDuration(advice)
	require.NoError(t, err)
	_, err = Derive(base(t), nil, l, limits)
	require.NoError(t, err, "what the error advises is enough")
	limits.Budget = time.Second
	_, err = Derive(base(t), []string{"train.epochs"}, l, limits)
	require.Error(t, err)
}

func printed(t *testing.T, r *Recipe) string {
	var b strings.Builder
	require.NoError(t, r.Print(&b))
	return b.String()
}

func TestLookErrors(t *testing.T) {
	_, err := LookAt(photographs(t, 3, 64, 64, 0, 10))
	require.ErrorContains(t, err, "photographs: has no object to train on in its 3 images")
	d := photographs(t, 1, 64, 64, 1, 10)
	d.Images[0].Width = 0
	_, err = LookAt(d)
	require.ErrorContains(t, err, "photographs: images[0]: ")
}

func TestCrowdedImages(t *testing.T) {
	r := derive(t, look(t, photographs(t, 3, 640, 480, 150, 20)), unlimited())
	require.Equal(t, 600, r.Config.RPN.Proposals.Test.AfterNMS)
	require.Equal(t, 300, r.Config.RoI.Detections.PerImage)
	c := base(t)
	c.RPN.Proposals.Train.AfterNMS, c.RPN.Proposals.Train.BeforeNMS = 300, 500
	r, err := Derive(c, []string{"rpn.proposals.train"}, look(t, photographs(t, 3, 640, 480, 150, 20)), unlimited())
	require.NoError(t, err)
	require.Equal(t, c.RPN.Proposals.Train, r.Config.RPN.Proposals.Train, "given")
}

// TestAnchorsFitTheAffordableInput: anchors are those of the size to which a budget reduces the input.
func TestAnchorsFitTheAffordableInput(t *testing.T) {
	l := look(t, photographs(t, 400, 1600, 1200, 3, 60))
	limits := unlimited()
	limits.Budget, limits.Validation = 5*time.Minute, 100
	limits.Measure = func(c detector.Config) (time.Duration, error) {
		return time.Duration(c.Input.Shorter[0]*c.Input.Shorter[0]) * time.Microsecond / 2, nil
	}
	r := derive(t, l, limits)
	require.Less(t, r.Config.Input.Shorter[0], 640)
	f, err := r.fit(r.Config, r.inputBoxes(l))
	require.NoError(t, err)
	require.Greater(t, f.recall, 0.7)
	flipped := derive(t, l, limits, "input.flip_horizontal")
	require.Equal(t, r.Config.Input.Shorter, flipped.Config.Input.Shorter, "a key that is not of the size changes no size")
	require.Equal(t, r.Config.Train.Epochs, flipped.Config.Train.Epochs)
}

// TestFewObjects: a few objects of each class say enough if no class has more, and always the same.
func TestFewObjects(t *testing.T) {
	l := look(t, photographs(t, 2, 640, 480, 9, 300, 30, 100))
	for range 20 {
		require.Equal(t, []int{480}, derive(t, l, unlimited()).Config.Input.Shorter)
	}
}
