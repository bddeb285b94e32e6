package train

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
	"scalenet/nn"
)

// staged is a model that knows its gradients in parts.
type staged struct {
	placed
	parts  [][]*nn.Param
	onPart func(grads []engine.Memory) error
	failAt int // the part after which it fails; 0 for none
	heard  int
}

// named returns parameters of these names.
func named(names ...string) (list []*nn.Param) {
	for _, name := range names {
		list = append(list, &nn.Param{Name: name})
	}
	return list
}

func (s *staged) Parts() [][]*nn.Param { return s.parts }

func (s *staged) OnPart(f func(grads []engine.Memory) error) { s.onPart = f }

func (s *staged) Backward(ctx context.Context, batch []float32, scale float32) (Gradients, error) {
	g, err := s.placed.Backward(ctx, batch, scale)
	if err != nil || s.onPart == nil {
		return g, err
	}
	for i, part := range s.parts[:len(s.parts)-1] {
		grads := make([]engine.Memory, len(g.Grads))
		for k, p := range s.Params() {
			for _, q := range part {
				if p.Name == q.Name {
					grads[k] = g.Grads[k]
				}
			}
		}
		s.heard++
		if err := s.onPart(grads); err != nil {
			return g, err
		}
		if s.failAt == i+1 {
			return g, errors.New("the rest fails")
		}
	}
	return g, nil
}

// Gradients in parts change no bit, on any number of processes, also where one has no batch in an epoch's last step.
func TestTogetherStaged(t *testing.T) {
	for _, accumulate := range []int{4, 6} {
		want := t.TempDir()
		require.Equal(t, []error{nil}, runTogether(t, want, 1, false, func(_ int, l *Loop[[]float32], _ *quadratic, _ func()) { l.Config.Accumulate = accumulate }))
		for n := 1; n <= 4; n++ {
			for _, parts := range [][][]*nn.Param{{named("w"), nil}, {nil, named("w")}, {nil, named("w"), nil}, {named("w")}} {
				dir := t.TempDir()
				models := make([]*staged, n)
				errs := runTogether(t, dir, n, false, func(rank int, l *Loop[[]float32], _ *quadratic, _ func()) {
					models[rank] = &staged{placed: l.Model.(placed), parts: parts}
					l.Config.Accumulate, l.Model = accumulate, models[rank]
				})
				require.Equal(t, make([]error, n), errs)
				require.Equal(t, contents(t, want), contents(t, dir), "%d processes, %d batches a step, %d parts", n, accumulate, len(parts))
				require.Equal(t, n > 1 && len(parts) > 1, models[0].heard > 0)
			}
		}
	}
}

// A process that fails before, in or after the exchange of a part ends all.
func TestTogetherStagedFaults(t *testing.T) {
	for name, change := range map[string]func(m *staged, q *quadratic){
		"before": func(_ *staged, q *quadratic) {
			q.stop = func(context.Context) error { return errors.New("broken.jpg: corrupt") }
		},
		"after the first":  func(m *staged, _ *quadratic) { m.failAt = 1 },
		"after the second": func(m *staged, _ *quadratic) { m.failAt = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			errs := runTogether(t, t.TempDir(), 3, false, func(rank int, l *Loop[[]float32], q *quadratic, _ func()) {
				m := &staged{placed: l.Model.(placed), parts: [][]*nn.Param{named("w"), nil, nil}}
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

// Each part but the last has at least half of what is left, in the order of the backward pass.
func TestGradientParts(t *testing.T) {
	for _, c := range []struct{ widths, want []int }{
		{nil, []int{0}},
		{[]int{1}, []int{1}},
		{[]int{1, 1}, []int{1, 1}},
		{[]int{8, 4, 2, 1, 1}, []int{1, 1, 1, 2}},
		{[]int{1, 1, 1, 100}, []int{4}},
		{[]int{100, 1, 1, 1, 1}, []int{1, 2, 1, 1}},
		{[]int{3, 3, 3, 3}, []int{2, 1, 1}},
	} {
		g := nn.NewGraph(nn.NewParams(1), true)
		var grads []nn.Gradient
		for i, width := range c.widths {
			grads = append(grads, nn.Gradient{Node: g.Input(string(rune('a'+i)), width)})
		}
		for i := range grads { // the order of the list is another
			j := (i * 3) % len(grads)
			grads[i], grads[j] = grads[j], grads[i]
		}
		var got []int
		last := int64(-1)
		for _, part := range GradientParts(grads) {
			got = append(got, len(part))
			for _, g := range part {
				require.Greater(t, g.Node.ID(), last)
				last = g.Node.ID()
			}
		}
		require.Equal(t, c.want, got, c.widths)
	}
}
