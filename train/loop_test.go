package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
	"scalenet/engine"
)

// quadratic is a model with the loss |w - target|^2 / 2, where the target is
// the batch with noise from the run's random source.
type quadratic struct {
	w, running hostMemory
	rand       *Rand
	largest    float32 // gradients beyond are infinite; 0 for none
	evaluated  int
	backward   func(batch []float32, losses []Metric) // for mischief
	evaluate   func(ctx context.Context) error
	stop       func(ctx context.Context) error // after random numbers were drawn
}

func newQuadratic(r *Rand) *quadratic {
	return &quadratic{w: hostMemory{4, -3, 2}, running: hostMemory{0}, rand: r}
}

func (q *quadratic) Params() []Param {
	return []Param{
		{Name: "w", Len: 3, Value: q.w, Trainable: true},
		{Name: "running", Len: 1, Value: q.running},
	}
}

func (q *quadratic) Backward(ctx context.Context, batch []float32, scale float32) (Gradients, error) {
	grad := make(hostMemory, 3)
	var loss float64
	for i := range grad {
		grad[i] = q.w[i] - batch[i] + 0.1*float32(q.rand.NormFloat64())
		loss += float64(grad[i]*grad[i]) / 2
		if grad[i] *= scale; q.largest > 0 && max(grad[i], -grad[i]) > q.largest {
			grad[i] = float32(math.Inf(1))
		}
	}
	if q.stop != nil {
		if err := q.stop(ctx); err != nil {
			return Gradients{}, err
		}
	}
	q.running[0] += 0.1 * (float32(loss) - q.running[0])
	losses := []Metric{{"near", loss / 3}, {"far", loss * 2 / 3}}
	if q.backward != nil {
		q.backward(batch, losses)
	}
	return Gradients{Losses: losses, Grads: []engine.Memory{grad, nil}}, nil
}

func (q *quadratic) UpdateRunning([]engine.Moments) error { return nil }

func (q *quadratic) Images(batch []float32) []string {
	return []string{fmt.Sprintf("%g.jpg", batch[0]), "other.jpg"}
}

func (q *quadratic) Evaluate(ctx context.Context) ([]Metric, error) {
	q.evaluated++
	if q.evaluate != nil {
		if err := q.evaluate(ctx); err != nil {
			return nil, err
		}
	}
	return []Metric{{"AP", -math.Abs(float64(q.w[0] - 1))}, {"AP50", float64(q.running[0])}}, nil
}

func (q *quadratic) Tensors() ([]checkpoint.Tensor, error) {
	return []checkpoint.Tensor{
		checkpoint.Float32Tensor("w", []int{3}, q.w),
		checkpoint.Float32Tensor("running", []int{1}, q.running),
	}, nil
}

func (q *quadratic) Metadata() map[string]string { return map[string]string{"classes": "a,b"} }

func (q *quadratic) Restore(f *checkpoint.File) error {
	if f.Metadata["classes"] != "a,b" {
		return fmt.Errorf("classes are %q", f.Metadata["classes"])
	}
	for name, to := range map[string]hostMemory{"w": q.w, "running": q.running} {
		tensor, ok := f.Tensor(name)
		if !ok {
			return fmt.Errorf("no tensor %q", name)
		}
		if err := tensor.CopyFloat32s(to); err != nil {
			return err
		}
	}
	return nil
}

func (q *quadratic) Changed() error { return nil }

// counting yields targets that depend on epoch and batch alone.
type counting struct {
	batches, epoch, batch int
	takes                 func(batch int) bool
}

func (c *counting) Take(takes func(batch int) bool) { c.takes = takes }

func (c *counting) Batches() int { return c.batches }

func (c *counting) Seek(epoch, batch int) error {
	c.epoch, c.batch = epoch, batch
	return nil
}

func (c *counting) Next(context.Context) ([]float32, error) {
	for c.takes != nil && c.batch < c.batches && !c.takes(c.batch) {
		c.batch++
	}
	if c.batch == c.batches {
		return nil, io.EOF
	}
	c.batch++
	return []float32{float32(c.batch) / 7, float32(c.epoch), float32(c.epoch*c.batch) / 3}, nil
}

// toy is a run of 4 epochs with 5 batches, 3 steps each (2, 2 and 1 batches).
func toy(dir string) (*Loop[[]float32], *quadratic) {
	r := NewRand(5)
	model := newQuadratic(r)
	config := DefaultConfig()
	config.Epochs, config.LR, config.Accumulate, config.LogSteps, config.EMADecay = 4, 0.1, 2, 2, 0.9
	config.Schedule = Schedule{Kind: "step", Milestones: []int{2}, Gamma: 0.5, WarmupSteps: 4, WarmupFactor: 0.1}
	return &Loop[[]float32]{
		Config: config, Device: host{}, Model: model, Source: &counting{batches: 5}, Rand: r, Dir: dir,
	}, model
}

// timing are the last two columns of train.csv and the keys in log.jsonl.
var timing = regexp.MustCompile(`(?m)(,[0-9.e+]+,[0-9.e+]+$|"images_per_second":.*$)`)

// contents are the files of a run that must not depend on how it went.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{LastFile, bestFile, StateFile, trainCSV, evalCSV, LogFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		files[name] = string(b)
		if name == trainCSV || name == LogFile {
			files[name] = timing.ReplaceAllString(files[name], "")
		}
	}
	return files
}

func TestRunLearns(t *testing.T) {
	dir := t.TempDir()
	loop, model := toy(dir)
	require.NoError(t, loop.Run(context.Background(), false))
	require.Equal(t, 12, loop.state.Step)
	require.Equal(t, 4, model.evaluated)
	require.Less(t, math.Abs(float64(model.w[0]-0.5)), 2.5)

	b, err := os.ReadFile(filepath.Join(dir, trainCSV))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	require.Equal(t, "step,epoch,lr,loss,near,far,images_per_second,data_wait", lines[0])
	require.Len(t, lines, 7)
	require.True(t, strings.HasPrefix(lines[6], "12,4,0.05,"), lines[6])
	b, err = os.ReadFile(filepath.Join(dir, LogFile))
	require.NoError(t, err)
	require.Equal(t, 10, strings.Count(string(b), "\n"))

	// last.safetensors has the averages, state.safetensors what is trained.
	last, err := checkpoint.Load(filepath.Join(dir, LastFile))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"classes": "a,b"}, last.Metadata)
	saved, err := checkpoint.Load(filepath.Join(dir, StateFile))
	require.NoError(t, err)
	require.Equal(t, "a,b", saved.Metadata["classes"])
	average, _ := last.Tensor("w")
	want, _ := saved.Tensor("average/w")
	require.Equal(t, want.Data, average.Data)
	trained, _ := saved.Tensor("model/w")
	require.NotEqual(t, want.Data, trained.Data)
}

// OnEpochEnd finds the epoch's rows and files; its error ends the run, which can be resumed.
func TestOnEpochEnd(t *testing.T) {
	dir := t.TempDir()
	loop, _ := toy(dir)
	full := errors.New("disk full")
	var rows []int
	loop.OnEpochEnd = func() error {
		b, err := os.ReadFile(filepath.Join(dir, LogFile))
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(dir, LastFile))
		if rows = append(rows, strings.Count(string(b), `"kind":"eval"`)); len(rows) == 2 {
			return full
		}
		return nil
	}
	require.ErrorIs(t, loop.Run(context.Background(), false), full)
	require.Equal(t, []int{1, 2}, rows)
	loop, _ = toy(dir)
	calls := 0
	loop.OnEpochEnd = func() error { calls++; return nil }
	require.NoError(t, loop.Run(context.Background(), true))
	require.Equal(t, 2, calls)
	require.Equal(t, 12, loop.state.Step)
}

func TestNonFiniteLossSavesNothing(t *testing.T) {
	dir := t.TempDir()
	loop, model := toy(dir)
	batches := 0
	model.backward = func(_ []float32, losses []Metric) {
		if batches++; batches == 8 {
			losses[1].Value = math.NaN()
		}
	}
	err := loop.Run(context.Background(), false)
	var bad *NonFiniteError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, []string{"0.42857143.jpg", "other.jpg"}, bad.Images)
	require.EqualError(t, err, "step 5: loss far is NaN on images 0.42857143.jpg, other.jpg: is the learning rate too high or a box broken?")
	saved, err := checkpoint.Load(filepath.Join(dir, StateFile))
	require.NoError(t, err)
	require.Contains(t, saved.Metadata["state"], `"step":3,`)
	// The same run without the mischief goes on from the end of epoch 1.
	loop, _ = toy(dir)
	require.NoError(t, loop.Run(context.Background(), true))
}

func TestNonFiniteParameterIsNotSaved(t *testing.T) {
	dir := t.TempDir()
	loop, model := toy(dir)
	batches := 0
	model.backward = func([]float32, []Metric) {
		if batches++; batches == 10 {
			model.running[0] = float32(math.Inf(1))
		}
	}
	require.ErrorContains(t, loop.Run(context.Background(), false), `parameter "running" is not finite after step 6`)
	require.Equal(t, 1, model.evaluated, "the model of epoch 2 could have become the best")
	saved, err := checkpoint.Load(filepath.Join(dir, StateFile))
	require.NoError(t, err)
	require.Contains(t, saved.Metadata["state"], `"step":3,`)
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	loop, _ := toy(dir)
	require.ErrorContains(t, loop.Run(context.Background(), true), "no run to resume")
	require.NoError(t, loop.Run(context.Background(), false))
	before := contents(t, dir)
	cases := []struct {
		want   string
		resume bool
		edit   func(*Loop[[]float32])
	}{
		{"a run already exists", false, func(*Loop[[]float32]) {}},
		{"lr = 0.1, now it is 0.2", true, func(l *Loop[[]float32]) { l.Config.LR = 0.2 }},
		{`precision = "float32", now it is "bfloat16"`, true, func(l *Loop[[]float32]) { l.Config.Precision = BFloat16 }},
		{`train.precision = half: must be float32, bfloat16 or float16`, true, func(l *Loop[[]float32]) { l.Config.Precision = "half" }},
		{`optimizer = "sgd", now it is "adamw"`, true, func(l *Loop[[]float32]) { l.Config.Optimizer = AdamW }},
		{"betas = [0.9, 0.999], now it is [0.9, 0.99]", true, func(l *Loop[[]float32]) { l.Config.Betas[1] = 0.99 }},
		{"epochs = 0", true, func(l *Loop[[]float32]) { l.Config.Epochs = 0 }},
		{"5 batches per epoch, but the data now has 6", true, func(l *Loop[[]float32]) { l.Source = &counting{batches: 6} }},
		{"no batch", true, func(l *Loop[[]float32]) { l.Source = &counting{} }},
		{"random state", true, func(l *Loop[[]float32]) { l.Rand = nil }},
	}
	for _, c := range cases {
		loop, _ := toy(dir)
		c.edit(loop)
		require.ErrorContains(t, loop.Run(context.Background(), c.resume), c.want)
	}
	require.Equal(t, before, contents(t, dir))

	path := filepath.Join(dir, StateFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	loop, _ = toy(dir)
	require.NoError(t, os.WriteFile(path, whole[:len(whole)-5], 0o644))
	require.ErrorContains(t, loop.Run(context.Background(), true), "truncated")
	require.NoError(t, os.WriteFile(path, whole, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, trainCSV), []byte("step\n1\n"), 0o644))
	require.NoError(t, loop.Run(context.Background(), true), "a log that is behind does not stop a run")
}

func TestBestMustExist(t *testing.T) {
	loop, _ := toy(t.TempDir())
	loop.Config.Best = "mAP"
	require.EqualError(t, loop.Run(context.Background(), false), "train.best = mAP: must be AP or AP50; did you mean AP?")
}

func TestParseState(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "no training state",
		"{":                                    "unexpected EOF",
		`{"version":9}`:                        "version is 9",
		`{"version":1,"step":-1}`:              "step -1",
		`{"version":1,"surprise":1}`:           "unknown field",
		`{"version":1,"mean":{"names":["a"]}}`: "1 names, 0 sums",
		`{"version":1,"config":{"precision":"float16"}}`:                                  "precision is float16, and there is a loss scale: false",
		`{"version":1,"scale":{"factor":8,"good":1}}`:                                     "precision is float32, and there is a loss scale: true",
		`{"version":1,"config":{"precision":"float16"},"scale":{"factor":0.5}}`:           "loss scale 0.5",
		`{"version":1,"config":{"precision":"float16"},"scale":{"factor":8,"good":2000}}`: "after 2000 steps",
	} {
		_, err := parseState(text)
		require.ErrorContains(t, err, want, text)
	}
}
