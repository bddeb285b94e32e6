package optest

import (
	"fmt"
	"testing"

	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"
)

// graph is a case as a gorgonia graph in float64, with its derivatives: the
// output, the gradient it is given, and each input's gradient (nil where the
// operation has none).
type graph struct {
	*nn.Graph
	in, grads []*nn.Node
	out, dy   *nn.Node
}

// newGraph builds the graph of a differentiable case. The moments of a batch
// norm are those of x: its derivative counts on that.
func newGraph(c Case) (*graph, error) {
	g := &graph{Graph: nn.NewGraphOf(nn.Float64, nn.NewParams(1), false), grads: make([]*nn.Node, len(c.In))}
	err := nn.Build(func() {
		for i, in := range c.In {
			add := g.Input
			if isLabel(c, i) {
				add = g.Labels
			}
			g.in = append(g.in, add(fmt.Sprint("in", i), in.Shape...))
		}
		in := append([]*nn.Node{}, g.in...)
		if _, ok := c.Op.(nn.BatchNorm2D); ok {
			in[3] = nn.Apply(nn.Moments2D{}, in[0])
		}
		g.out = nn.Apply(c.Op, in...)
		g.dy = g.Input("dy", g.out.Shape()...)
	})
	if err != nil {
		return nil, err
	}
	if !differentiable(c.Op) {
		return g, nil
	}
	var wrt []*nn.Node
	var at []int
	for i, smooth := range c.Op.(nn.Differentiable).Wrt(len(c.In)) {
		if smooth {
			wrt, at = append(wrt, g.in[i]), append(at, i)
		}
	}
	return g, nn.Build(func() {
		_, grads := g.Backward([]*nn.Node{g.out}, []*nn.Node{g.dy}, wrt...)
		for i, n := range grads {
			g.grads[at[i]] = n
		}
	})
}

// evaluate computes nodes from the values of inputs with the reference
// device's float64 kernels.
func (g *graph) evaluate(values map[*nn.Node][]float64, wanted ...*nn.Node) ([][]float64, error) {
	known := make(map[*nn.Node][]float64, len(values))
	for n, v := range values {
		known[n] = v
	}
	var visit func(n *nn.Node) ([]float64, error)
	visit = func(n *nn.Node) ([]float64, error) {
		if v, ok := known[n]; ok {
			return v, nil
		}
		if n.Op() == nil {
			return nil, fmt.Errorf("no value for %v", n.Name())
		}
		c := Case{Op: n.Op()}
		var in [][]float64
		for _, child := range n.Inputs() {
			v, err := visit(child)
			if err != nil {
				return nil, err
			}
			in = append(in, v)
			c.In = append(c.In, Input{Shape: child.Shape()})
		}
		v, err := compute(c, engine.Float64, in)
		known[n] = v
		return v, err
	}
	out := make([][]float64, len(wanted))
	for i, n := range wanted {
		var err error
		if out[i], err = visit(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compute runs a case on the reference device with inputs and output of a type.
func compute(c Case, typ engine.DType, in [][]float64) ([]float64, error) {
	l := layout{out: typ, inPlace: -1}
	for i := range c.In {
		if isLabel(c, i) {
			l.in = append(l.in, engine.Int32)
		} else {
			l.in = append(l.in, typ)
		}
	}
	b, err := bind(ref.New(ref.Options{}), c, l)
	if err != nil {
		return nil, err
	}
	defer b.close()
	for i, v := range in {
		if err := b.write(i, v); err != nil {
			return nil, err
		}
	}
	w, err := b.run()
	return decode(b.out.Desc, w), err
}

// inputs are a case's values and the output's gradient, by node.
func (g *graph) inputs(c Case) map[*nn.Node][]float64 {
	values := map[*nn.Node][]float64{g.dy: outputGradient(c)}
	for i, n := range g.in {
		values[n] = c.Values(i, "")
	}
	return values
}

// outputGradient is the gradient a case's output is given.
func outputGradient(c Case) []float64 { return uniform(c.Name+"/dy", c.OutShape().TotalSize()) }

func uniform(name string, n int) []float64 {
	return Fill{Kind: Uniform, Low: -1, High: 1}.Make(n, Seed(name))
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func mustCompute(t *testing.T, c Case, in [][]float64) []float64 {
	t.Helper()
	v, err := compute(c, engine.Float64, in)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// allValues are the values of all inputs of a case.
func allValues(c Case) (v [][]float64) {
	for i := range c.In {
		v = append(v, c.Values(i, ""))
	}
	return v
}
