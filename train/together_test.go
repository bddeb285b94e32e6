package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/collective"
	"scalenet/engine"
)

// placed is a quadratic model whose random numbers depend on the batch, and whose running statistic moves by moments.
type placed struct{ *quadratic }

func (p placed) Backward(ctx context.Context, batch []float32, scale float32) (Gradients, error) {
	p.rand = &Rand{Rand: rand.New(rand.NewPCG(uint64(math.Float32bits(batch[0])), uint64(batch[1])))}
	before := p.running[0]
	g, err := p.quadratic.Backward(ctx, batch, scale)
	p.running[0] = before
	if err == nil {
		g.Moments = []engine.Moments{{Values: []float32{float32(g.Losses[0].Value), g.Grads[0].(hostMemory)[0]}}}
	}
	return g, err
}

func (p placed) UpdateRunning(batch []engine.Moments) error {
	for _, m := range batch {
		p.running[0] = 0.9*p.running[0] + m.Values[0]*m.Values[1]
	}
	return nil
}

// runTogether trains in n processes, goroutines here, and returns their errors. change may set up each process.
func runTogether(t *testing.T, dir string, n int, resume bool, change func(rank int, l *Loop[[]float32], m *quadratic, stop func())) []error {
	t.Helper()
	groups := collective.NewLocal(n, collective.Options{Limit: time.Minute})
	errs := make([]error, n)
	var wg sync.WaitGroup
	for rank, g := range groups {
		wg.Go(func() {
			loop, model := toy(dir)
			loop.Config.Accumulate, loop.Rand, loop.Model, loop.Group = 4, nil, placed{model}, g
			loop.Source = &counting{batches: 11} // 4, 4 and 3 batches
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			change(rank, loop, model, cancel)
			if errs[rank] = loop.Run(ctx, resume); errs[rank] != nil && !errors.As(errs[rank], new(*InterruptedError)) {
				g.Abort(1, errs[rank])
			}
		})
	}
	wg.Wait()
	return errs
}

// The files are the same, byte for byte, for any number of processes.
func TestTogether(t *testing.T) {
	for _, accumulate := range []int{4, 6} {
		set := func(_ int, l *Loop[[]float32], _ *quadratic, _ func()) { l.Config.Accumulate = accumulate }
		want := t.TempDir()
		require.Equal(t, []error{nil}, runTogether(t, want, 1, false, set))
		for n := 2; n <= 4; n++ {
			dir := t.TempDir()
			require.Equal(t, make([]error, n), runTogether(t, dir, n, false, set))
			require.Equal(t, contents(t, want), contents(t, dir), "%d processes, %d batches a step", n, accumulate)
		}
	}
}

// A run goes on with any number of processes.
func TestTogetherResumes(t *testing.T) {
	want, dir := t.TempDir(), t.TempDir()
	require.Equal(t, []error{nil}, runTogether(t, want, 1, false, func(int, *Loop[[]float32], *quadratic, func()) {}))
	stops := []int{2, 5, 100}
	for i, n := range []int{2, 1, 4} {
		errs := runTogether(t, dir, n, i > 0, func(rank int, l *Loop[[]float32], m *quadratic, stop func()) {
			if rank == n-1 { // one of them is asked to stop
				m.backward = func([]float32, []Metric) {
					if l.state.Step == stops[i] {
						stop()
					}
				}
			}
		})
		for _, err := range errs {
			if i < 2 {
				require.ErrorAs(t, err, new(*InterruptedError))
			} else {
				require.NoError(t, err)
			}
		}
	}
	require.Equal(t, contents(t, want), contents(t, dir))
}

// A fault of one process ends all, and each says which.
func TestTogetherFaults(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *Loop[[]float32], m *quadratic)
		want   string // of the others
	}{
		"not finite": {func(l *Loop[[]float32], m *quadratic) {
			m.backward = func(_ []float32, losses []Metric) { losses[0].Value = math.NaN() }
		}, "loss near is NaN"},
		"not read": {func(l *Loop[[]float32], m *quadratic) {
			m.stop = func(context.Context) error { return errors.New("broken.jpg: corrupt") }
		}, "rank 1 on "},
		"other parameters": {func(l *Loop[[]float32], m *quadratic) { l.Config.Groups = []Group{{Match: "w", Frozen: true}} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			errs := runTogether(t, dir, 2, false, func(rank int, l *Loop[[]float32], m *quadratic, _ func()) {
				if rank == 1 {
					c.change(l, m)
				}
			})
			require.ErrorContains(t, errs[0], c.want)
			require.Error(t, errs[1])
		})
	}
}

func TestTogetherErrors(t *testing.T) {
	errs := runTogether(t, t.TempDir(), 3, false, func(_ int, l *Loop[[]float32], _ *quadratic, _ func()) { l.Config.Accumulate = 2 })
	for _, err := range errs {
		require.ErrorContains(t, err, "train.accumulate = 2: a step is shared out by its batches, and 3 processes need at least 3")
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/version1")))
	errs = runTogether(t, dir, 2, true, func(_ int, l *Loop[[]float32], _ *quadratic, _ func()) {
		l.Config.Accumulate, l.Source = 2, &counting{batches: 5}
		l.Rand = NewRand(5)
	})
	for _, err := range errs {
		require.ErrorContains(t, err, "goes on in one process only")
	}
}

// A process that is asked to save makes all of them save after that step and go on, with the same bits at the end.
func TestSaveRequests(t *testing.T) {
	whole := t.TempDir()
	require.NoError(t, errors.Join(runTogether(t, whole, 1, false, func(int, *Loop[[]float32], *quadratic, func()) {})...))
	want, err := os.ReadFile(filepath.Join(whole, StateFile))
	require.NoError(t, err)
	for _, n := range []int{1, 3} {
		dir := t.TempDir()
		saved := filepath.Join(dir, StateFile)
		var steps []int
		errs := runTogether(t, dir, n, false, func(rank int, l *Loop[[]float32], _ *quadratic, _ func()) {
			calls := 0
			l.SaveAsked = func() bool {
				calls++
				if rank == 0 {
					if b, err := ReadBegun(dir); err == nil && b.Saved != nil {
						steps = append(steps, b.Step)
					}
				}
				return rank == n-1 && calls == 2
			}
		})
		require.NoError(t, errors.Join(errs...))
		require.Contains(t, steps, 2, "of %d processes", n)
		got, err := os.ReadFile(saved)
		require.NoError(t, err)
		require.True(t, string(want) == string(got), "the state of %d processes", n)
	}
}

// SIGUSR1 asks once.
func TestSaveSignal(t *testing.T) {
	asked, stop := SaveRequests()
	defer stop()
	require.False(t, asked())
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	require.Eventually(t, asked, time.Minute, time.Millisecond)
	require.False(t, asked())
}

// A run keeps its threads per process. States without them go on with any.
func TestThreadsAreKept(t *testing.T) {
	dir := t.TempDir()
	threads := func(n, epochs int) func(int, *Loop[[]float32], *quadratic, func()) {
		return func(_ int, l *Loop[[]float32], _ *quadratic, _ func()) { l.Threads, l.Config.Epochs = n, epochs }
	}
	require.NoError(t, runTogether(t, dir, 1, false, threads(0, 2))[0])
	require.NoError(t, runTogether(t, dir, 1, true, threads(2, 3))[0])
	b, err := ReadBegun(dir)
	require.NoError(t, err)
	require.Equal(t, 2, b.Threads)
	err = runTogether(t, dir, 1, true, threads(3, 4))[0]
	require.ErrorContains(t, err, "the run has 2 threads per process, now there are 3")
	require.ErrorContains(t, err, "give --threads 2")
	require.NoError(t, runTogether(t, dir, 1, true, threads(2, 4))[0])
}
