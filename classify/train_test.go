package classify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/imaging"
	"scalenet/internal/config"
	"scalenet/internal/prefetch"
	"scalenet/train"
)

func processor(t testing.TB) engine.Device {
	dev, err := cpu.New(cpu.Options{Threads: 1})
	require.NoError(t, err)
	t.Cleanup(func() { dev.Close() })
	return dev
}

// run trains in a folder; cancel, which may be nil, ends the context before a batch.
func run(t *testing.T, c Config, data, val *Dataset, dir string, resume bool, stopBefore int) error {
	t.Helper()
	m, err := New(c, data.Classes, c.Train.Seed)
	require.NoError(t, err)
	dev := processor(t)
	loader, err := NewLoader(m.Config, data, nil)
	require.NoError(t, err)
	defer loader.Close()
	trainer, err := NewTrainer(m, dev, val, nil)
	require.NoError(t, err)
	defer trainer.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	source := &stopping{Loader: loader, before: stopBefore, stop: cancel}
	return (&train.Loop[*Batch]{Config: m.Config.Train, Device: dev, Model: trainer, Source: source, Dir: dir}).Run(ctx, resume)
}

// stopping asks for the end of the run before its nth batch.
type stopping struct {
	*prefetch.Loader[*Batch]
	before int
	stop   func()
}

func (s *stopping) Next(ctx context.Context) (*Batch, error) {
	if s.before--; s.before == 0 {
		s.stop()
	}
	return s.Loader.Next(ctx)
}

// inEach tests a training in the precisions that the processor has.
func inEach(t *testing.T, test func(t *testing.T, p train.Precision)) {
	for _, p := range []train.Precision{train.Float32, train.BFloat16} {
		t.Run(string(p), func(t *testing.T) {
			if err := p.On(processor(t)); err != nil {
				t.Skip(err)
			}
			test(t, p)
		})
	}
}

// A training that is stopped after any step, and resumed, ends with the same
// bits as one that was not.
func TestResumeIsExact(t *testing.T) { inEach(t, resumeIsExact) }

func resumeIsExact(t *testing.T, p train.Precision) {
	data, val := openSmall(t, 30, 9)
	c := small(t)
	c.Train.EMADecay, c.Train.Precision = 0.9, p
	c.LabelSmoothing = 0.1
	whole := filepath.Join(t.TempDir(), "whole")
	require.NoError(t, run(t, c, data, val, whole, false, 0))
	for stop := 1; stop <= 8; stop++ {
		dir := filepath.Join(t.TempDir(), "stopped")
		err := run(t, c, data, val, dir, false, stop)
		var interrupted *train.InterruptedError
		require.True(t, errors.As(err, &interrupted), "stop %d: %v", stop, err)
		require.NoError(t, run(t, c, data, val, dir, true, 0))
		for _, file := range []string{"last.safetensors", "best.safetensors", "state.safetensors", "eval.csv"} {
			want, err := os.ReadFile(filepath.Join(whole, file))
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(dir, file))
			require.NoError(t, err)
			require.Equal(t, want, got, "%s, stopped at batch %d", file, stop)
		}
	}
}

// A small network learns a few images by heart; the file that is saved gives
// the same figures, and probabilities that add up.
func TestFit(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	inEach(t, fit)
}

func fit(t *testing.T, p train.Precision) {
	data, _ := openSmall(t, 16, 1)
	c := small(t)
	c.Augment = Augment{Crop: CropCentre}
	c.Train.Epochs, c.Train.EvalEpochs, c.Train.Schedule.Kind, c.Train.Precision = 80, 80, "cosine", p
	dir := filepath.Join(t.TempDir(), "run")
	require.NoError(t, run(t, c, data, data, dir, false, 0))
	m, err := Load(filepath.Join(dir, "best.safetensors"))
	require.NoError(t, err)
	var alone []Prediction
	for _, batch := range []int{1, 5, 16} {
		classifier := NewClassifier(m, processor(t), Options{Batch: batch})
		figures, err := classifier.Evaluate(context.Background(), data, EvaluateOptions{})
		require.NoError(t, err)
		require.Equal(t, 16, figures.Images)
		require.Equal(t, 1.0, figures.Top1)
		image, err := data.Image(3)
		require.NoError(t, err)
		list, err := classifier.Classify(image)
		require.NoError(t, err)
		require.Len(t, list, 100)
		require.Equal(t, 3, list[0].Class)
		sum := 0.0
		for i, p := range list {
			sum += p.Probability
			require.True(t, i == 0 || p.Probability <= list[i-1].Probability)
		}
		require.InDelta(t, 1, sum, 1e-9)
		if batch == 1 {
			alone = list
		}
		require.Equal(t, alone, list, "the same bits in a batch of %d", batch)
		classifier.Close()
	}
}

func TestRank(t *testing.T) {
	nan := float32(0)
	nan /= nan
	for _, c := range []struct {
		logits []float32
		class  int
		want   int
	}{
		{[]float32{1, 3, 2}, 1, 0},
		{[]float32{1, 3, 2}, 0, 2},
		{[]float32{2, 2, 2}, 2, 2}, // of equal ones the first wins, as in PyTorch's argmax
		{[]float32{2, 2, 2}, 0, 0},
		{[]float32{1, nan, 2}, 1, 3},
		{[]float32{5}, 0, 0},
	} {
		require.Equal(t, c.want, rank(c.logits, c.class), "%v %d", c.logits, c.class)
	}
	_, err := softmax([]float32{1, nan})
	require.ErrorContains(t, err, "NaN")
	list, err := softmax([]float32{-1e30, 1e30, 0})
	require.NoError(t, err)
	require.Equal(t, Prediction{1, 1}, list[0])
}

func TestModelFiles(t *testing.T) {
	data, val := openSmall(t, 4, 2)
	c := small(t)
	m, err := New(c, data.Classes, 3)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, m.Save(path))
	again, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, m.Config, again.Config)
	require.Equal(t, m.Classes, again.Classes)
	for _, p := range m.Params.All() {
		require.Equal(t, p.Data, again.Params.Get(p.Name).Data, p.Name)
	}
	other, err := New(c, []string{"a", "b"}, 4)
	require.NoError(t, err)
	report, err := other.Init(path)
	require.NoError(t, err)
	require.Len(t, report.WrongShape, 2, "fc has other classes")
	require.NotEmpty(t, report.Matched)

	classifier := NewClassifier(other, processor(t), Options{})
	defer classifier.Close()
	_, err = classifier.Evaluate(context.Background(), val, EvaluateOptions{})
	require.ErrorContains(t, err, val.Path+": has 100 classes, the model has 2")
	renamed := append([]string{}, val.Classes...)
	renamed[3] = "yak"
	require.EqualError(t, val.CheckClasses("the model", renamed), fmt.Sprintf(`%s: class 4 is %q, that of the model is "yak"`, val.Path, val.Classes[3]))
	require.NoError(t, val.CheckClasses("the model", m.Classes))
	list, err := classifier.Classify(imaging.New(1, 300))
	require.NoError(t, err)
	require.Len(t, list, 2)
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{"backbone.name=vgg16", `backbone.name "vgg16"`},
		{"input.size=0", "input.size = 0"},
		{"input.size=8", "input.size = 8: must be at least 16 for this network"},
		{"input.test_resize=16", "input.test_resize = 16: must be from input.size"},
		{"input.std=[0,1,1]", "input.std"},
		{"augment.crop=random", "augment.crop = random: must be resized, pad or centre"},
		{"augment.pad=-1", "augment.pad = -1"},
		{"augment.saturation=1", "augment.saturation = 1"},
		{"label_smoothing=1", "label_smoothing = 1"},
		{"label_smoothing=.nan", "label_smoothing = NaN"},
		{"batch=0", "batch = 0"},
		{"train.lr=0", "train.lr = 0"},
		{"train.precision=half", "train.precision = half: must be float32, bfloat16 or float16"},
	} {
		preset, err := Presets().Get("cifar")
		require.NoError(t, err)
		require.NoError(t, config.Assign(&preset, c.set))
		_, err = preset.Resolve()
		require.ErrorContains(t, err, c.want)
	}
	preset := Default()
	require.ErrorContains(t, config.Assign(&preset, "augment.blur=1"), "blur")
	require.ErrorContains(t, config.Assign(&preset, "batch"), "want key=value")
	_, err := Presets().Get("mnist")
	require.ErrorContains(t, err, `preset "mnist": want one of imagenet, bccd, cifar`)
	_, err = New(small(t), []string{"one"}, 0)
	require.ErrorContains(t, err, "1 classes, want at least 2")
	for _, name := range Presets().Names() {
		p, err := Presets().Get(name)
		require.NoError(t, err)
		p, err = p.Resolve()
		require.NoError(t, err)
		again, err := Parse([]byte(p.YAML()), name)
		require.NoError(t, err)
		require.Equal(t, p, again)
	}
}
