package train

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
)

// staged is a model that knows its gradients early.
type staged struct {
	placed
	early     func(grads []engine.Memory) error
	isEarly   []bool
	fails     bool // after the early gradients
	callsBack int
}

func (s *staged) Early() ([]bool, error) { return s.isEarly, nil }

func (s *staged) OnEarly(f func(grads []engine.Memory) error) { s.early = f }

func (s *staged) Backward(ctx context.Context, batch []float32, scale float32) (Gradients, error) {
	g, err := s.placed.Backward(ctx, batch, scale)
	if err != nil || s.early == nil {
		return g, err
	}
	s.callsBack++
	if err := s.early(g.Grads); err != nil {
		return g, err
	}
	if s.fails {
		return g, errors.New("the rest fails")
	}
	return g, nil
}

// Early gradients change no bit, on any number of processes, also where one has no batch in an epoch's last step.
func TestTogetherStaged(t *testing.T) {
	for _, accumulate := range []int{4, 6} {
		want := t.TempDir()
		require.Equal(t, []error{nil}, runTogether(t, want, 1, false, func(_ int, l *Loop[[]float32], _ *quadratic, _ func()) { l.Config.Accumulate = accumulate }))
		for n := 1; n <= 4; n++ {
			for _, early := range [][]bool{{true, false}, {false, false}} {
				dir, calls := t.TempDir(), make([]int, n)
				models := make([]*staged, n)
				errs := runTogether(t, dir, n, false, func(rank int, l *Loop[[]float32], _ *quadratic, _ func()) {
					models[rank] = &staged{placed: l.Model.(placed), isEarly: early}
					l.Config.Accumulate, l.Model = accumulate, models[rank]
				})
				require.Equal(t, make([]error, n), errs)
				require.Equal(t, contents(t, want), contents(t, dir), "%d processes, %d batches a step", n, accumulate)
				for rank, m := range models {
					calls[rank] = m.callsBack
				}
				require.Equal(t, n > 1 && early[0], calls[0] > 0, calls)
			}
		}
	}
}

// A process that fails before, in or after the exchange of early gradients ends all.
func TestTogetherStagedFaults(t *testing.T) {
	for name, change := range map[string]func(m *staged, q *quadratic){
		"before": func(_ *staged, q *quadratic) {
			q.stop = func(context.Context) error { return errors.New("broken.jpg: corrupt") }
		},
		"after": func(m *staged, _ *quadratic) { m.fails = true },
	} {
		t.Run(name, func(t *testing.T) {
			errs := runTogether(t, t.TempDir(), 3, false, func(rank int, l *Loop[[]float32], q *quadratic, _ func()) {
				m := &staged{placed: l.Model.(placed), isEarly: []bool{true, false}}
				if l.Model = m; rank == 1 {
					change(m, q)
				}
			})
			for rank, err := range errs {
				require.Error(t, err)
				if rank != 1 {
					require.ErrorContains(t, err, "rank 1 on ")
				}
			}
		})
	}
}
