package detector

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/train"
)

// cellConfig is a detector of 0.2 million parameters for the test images.
func cellConfig() Config {
	c := Default()
	c.Backbone = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 16, Kernel: 3},
		Blocks: []int{1, 2, 1}, Planes: []int{8, 24, 32}, Scales: []int{1, 2, 4},
		Structure: backbone.Structure{{6, 3, 2, 56}, {18, 9, 6, 28}, {18, 9, 6, 28}, {24, 12, 8, 7}}}
	c.FeatureStage, c.RPN.Anchors.Stride = 2, 8 // the small cells have ten pixels
	c.RPN.Channels = 64
	c.RPN.Anchors.Sizes = []float64{12, 24, 48}
	c.RPN.Proposals.Train.AfterNMS, c.RPN.Proposals.Test.AfterNMS = 200, 100
	c.RoI.Targets.Samples, c.RoI.Align.SamplingRatio, c.RoI.Align.Size = 48, 2, 8
	c.Input.Shorter, c.Input.Longest, c.Input.TestShorter, c.Input.TestLongest = []int{160}, 260, 160, 260
	c.Frozen = Frozen{Stages: -1}
	c.Batch = 2
	c.Train.LR, c.Train.Seed = 0.02, 1
	c.Train.Schedule = train.Schedule{Kind: "cosine", WarmupSteps: 10, WarmupFactor: 0.1}
	return c
}

// interrupting ends a context with a number of batches.
type interrupting struct {
	*coco.Loader
	batches int
	stop    context.CancelFunc
}

func (s *interrupting) Next(ctx context.Context) (*coco.Batch, error) {
	if s.batches--; s.batches == 0 {
		s.stop()
	}
	return s.Loader.Next(ctx)
}

// fit trains a model in a folder, as the program does, for at most the given number of batches; 0 is no limit.
func fit(t *testing.T, c Config, data *coco.Dataset, dir string, resume bool, batches int) error {
	m, err := New(c, data.ClassNames(), c.Train.Seed)
	require.NoError(t, err)
	dev := newCPUOf(t, 1)
	loader, err := m.NewLoader(data, dev)
	require.NoError(t, err)
	defer loader.Close()
	random := train.NewRand(c.Train.Seed)
	trainer, err := NewTrainer(m, dev, data, random.Rand)
	require.NoError(t, err)
	defer trainer.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	loop := train.Loop[*coco.Batch]{Config: m.Config.Train, Device: dev, Model: trainer,
		Source: &interrupting{loader, batches, stop}, Rand: random, Dir: dir}
	return loop.Run(ctx, resume)
}

// inEach runs a training test in each precision that the CPU supports.
func inEach(t *testing.T, test func(t *testing.T, p train.Precision)) {
	for _, p := range []train.Precision{train.Float32, train.BFloat16} {
		t.Run(string(p), func(t *testing.T) {
			if err := p.On(newCPU(t)); err != nil {
				t.Skip(err)
			}
			test(t, p)
		})
	}
}

// Training from scratch overfits on four images.
func TestOverfitFourImages(t *testing.T) {
	inEach(t, overfitFourImages)
}

func overfitFourImages(t *testing.T, p train.Precision) {
	c := cellConfig()
	c.Train.Precision = p
	c.Input.FlipHorizontal = false // all four in every batch, always the same
	c.Batch, c.Train.LR, c.RoI.Targets.PositiveFraction = 4, 0.1, 0.5
	epochs, least := 100, 0.5
	if os.Getenv("SCALENET_SLOW") != "" {
		epochs, least = 200, 0.95
	}
	c.Train.Epochs, c.Train.EvalEpochs = epochs, epochs
	dir, data := t.TempDir(), images(t)
	start := time.Now()
	require.NoError(t, fit(t, c, data, dir, false, 0))
	took := time.Since(start)

	m, err := Load(filepath.Join(dir, "last.safetensors"))
	require.NoError(t, err)
	d := NewDetector(m, newCPU(t), Options{})
	defer d.Close()
	figures, err := d.Evaluate(context.Background(), data, EvaluateOptions{})
	require.NoError(t, err)
	t.Logf("AP %.3f, AP50 %.3f after %v", figures.Stats.AP(), figures.Stats.AP50(), took)
	require.Greater(t, figures.Stats.AP50(), least)
}

// A run that is stopped in the middle of an epoch, twice, and resumed ends with
// the same bits as one that is not: parameters, velocities and averages.
func TestResumeIsExact(t *testing.T) { inEach(t, resumeIsExact) }

func resumeIsExact(t *testing.T, p train.Precision) {
	c := cellConfig()
	c.Input.Brightness, c.Train.Precision = 0.2, p
	c.Train.Epochs, c.Train.EvalEpochs, c.Train.EMADecay = 3, 0, 0.9
	c.Train.Schedule.WarmupSteps = 5
	data, whole, parts := images(t), t.TempDir(), t.TempDir()
	require.NoError(t, fit(t, c, data, whole, false, 0))
	var interrupted *train.InterruptedError
	require.ErrorAs(t, fit(t, c, data, parts, false, 1), &interrupted)
	require.ErrorAs(t, fit(t, c, data, parts, true, 3), &interrupted)
	require.Equal(t, 4, interrupted.Step)
	require.NoError(t, fit(t, c, data, parts, true, 0))

	want, err := checkpoint.Load(filepath.Join(whole, "state.safetensors"))
	require.NoError(t, err)
	got, err := checkpoint.Load(filepath.Join(parts, "state.safetensors"))
	require.NoError(t, err)
	require.Len(t, got.Tensors, len(want.Tensors))
	for i, w := range want.Tensors {
		require.Equal(t, w, got.Tensors[i], w.Name)
	}
}
