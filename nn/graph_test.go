package nn

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBuild(t *testing.T) {
	assert.NoError(t, Build(func() {}))
	cause := errors.New("cause")
	err := Build(func() { Fail("a shape: %w", cause) })
	assert.EqualError(t, err, "a shape: cause")
	assert.ErrorIs(t, err, cause)
	assert.PanicsWithValue(t, "other", func() { Build(func() { panic("other") }) }, "other panics pass")

	g := NewGraph(NewParams(1), false)
	x := g.Input("x", 1, 2, 2, 3)
	err = Build(func() { g.BiasedConv(x, "c", 4, 3, Conv2D{Stride: 1}, 1) })
	assert.ErrorContains(t, err, "Conv2D{Stride:1 Pad:0 Dilation:1 Groups:1} of [(1, 2, 2, 3) (4, 3, 3, 3) (4)]: input 2x2")
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		build func(g *Graph)
		want  string
	}{
		{func(g *Graph) { g.Input("a", 1); g.Labels("a", 1) }, "named a"},
		{func(g *Graph) { g.Input("a", 1); g.Param("a", Bias, Constant(0), 1) }, "the graph has an input named a, like a parameter"},
		{func(g *Graph) { g.Param("a", Bias, Constant(0), 1); g.Input("a", 1) }, "an input and a parameter, named a"},
		{func(g *Graph) { g.Param("a", Bias, Constant(0), 2); g.Param("a", Bias, Constant(0), 2, 1) },
			"parameter a has shape (2), this graph needs (2, 1)"},
		{func(g *Graph) { Reshaped(g.Input("a", 4), -2, -2) }, "dimension 0 is negative"},
	} {
		assert.ErrorContains(t, Build(func() { c.build(NewGraph(NewParams(1), false)) }), c.want)
	}
	g := NewGraph(NewParams(1), false)
	w := g.Param("w", Weight, Constant(1), 2)
	assert.Same(t, w, g.Param("w", Weight, Constant(5), 2), "a parameter has one node")
	assert.Equal(t, []float32{1, 1}, g.ParamOf(w).Data)
	assert.Nil(t, g.ParamOf(g.Input("x", 1)))
}

func TestNameOfOperation(t *testing.T) {
	assert.Equal(t, "Slice{Axis:1 From:2 To:3}", Name(Slice{1, 2, 3}))
}

func TestDifferentiable(t *testing.T) {
	want := map[string]bool{"Conv2D": true, "Linear": true, "ReLU": true, "GELU": true, "HardSwish": true, "HardSigmoid": true, "Sigmoid": true, "ScaleChannels": true, "Add": true,
		"Concat": true, "Slice": true, "Reshape": true,
		"MaxPool2D": true, "AvgPool2D": true, "GlobalAvgPool2D": true, "Resize2D": true, "BatchNorm2D": true, "FrozenBatchNorm2D": true,
		"RoIAlign": true, "SoftmaxCrossEntropy": true, "SigmoidCrossEntropy": true, "SmoothL1": true}
	for _, c := range fitting {
		_, ok := c.op.(Differentiable)
		assert.Equal(t, want[fmt.Sprintf("%T", c.op)[len("nn."):]], ok, "%T", c.op)
	}
}

// A second derivative is an error, not zero.
func TestSecondDerivative(t *testing.T) {
	err := Build(func() {
		g := NewGraph(NewParams(1), true)
		y := g.Conv(g.Input("x", 1, 4, 4, 2), "c", 2, 1, Conv2D{Stride: 1})
		first, _ := g.Backward([]*Node{Relu(y)}, []*Node{g.Input("dy", 1, 4, 4, 2)})
		g.Backward([]*Node{first[0].Node}, []*Node{g.Input("ddw", 2, 2, 1, 1)})
	})
	assert.ErrorContains(t, err, "has no derivative")
}

func TestBackward(t *testing.T) {
	g := NewGraph(NewParams(1), true)
	x := g.Input("x", 1, 4, 4, 2)
	y := g.Norm(g.BiasedConv(x, "c", 3, 1, Conv2D{Stride: 1}, 1), "n")
	g.Params.Get("c.bias").Frozen = true
	grads, further := g.Backward([]*Node{y}, []*Node{g.Input("dy", 1, 4, 4, 3)}, x)
	var names []string
	for _, d := range grads {
		names = append(names, d.Param.Name)
		assert.Equal(t, d.Param.Shape, d.Node.Shape(), d.Param.Name)
	}
	assert.Equal(t, []string{"c.weight", "n.weight", "n.bias"}, names, "in order, no frozen ones, no statistics")
	require.Len(t, further, 1)
	assert.Equal(t, x.Shape(), further[0].Shape())
	require.Len(t, g.Moments(), 1)
	assert.Equal(t, 16, g.Moments()[0].Count)
}

// Initial values depend on the seed and the name only.
func TestInitialValues(t *testing.T) {
	build := func(seed uint64, names ...string) *Params {
		p := NewParams(seed)
		for _, n := range names {
			p.ensure(n, Weight, Normal(1), Shape{64})
		}
		return p
	}
	ab, ba, other := build(1, "a", "b"), build(1, "b", "a"), build(2, "a")
	assert.Equal(t, ab.Get("a").Data, ba.Get("a").Data)
	assert.NotEqual(t, ab.Get("a").Data, ab.Get("b").Data)
	assert.NotEqual(t, ab.Get("a").Data, other.Get("a").Data)
	assert.Equal(t, "b", ba.All()[0].Name, "in the order of building")
	assert.Equal(t, 128, ab.Count())

	for name, c := range map[string]struct {
		init           Init
		std, low, high float64
	}{
		"normal":     {Normal(0.01), 0.01, math.Inf(-1), math.Inf(1)},
		"he fan out": {HeFanOut, math.Sqrt(2. / (32 * 3 * 3)), math.Inf(-1), math.Inf(1)},
		"uniform":    {UniformFanIn(16), 0.25 / math.Sqrt(3), -0.25, 0.25},
		"constant":   {Constant(3), 0, 3, 3},
	} {
		p := NewParams(7)
		data := p.ensure(name, Weight, c.init, Shape{32, 64, 3, 3}).Data
		mean, square := 0.0, 0.0
		for _, v := range data {
			mean += float64(v) / float64(len(data))
			assert.True(t, float64(v) >= c.low && float64(v) <= c.high, "%s: %g", name, v)
		}
		for _, v := range data {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(len(data))
		}
		assert.InDelta(t, c.std, math.Sqrt(square), 0.02*c.std+1e-9, name)
		if name != "constant" {
			assert.InDelta(t, 0, mean, 0.03*c.std, name)
		}
	}
}

func TestShapesAlone(t *testing.T) {
	build := func(p *Params) *Params {
		g := NewGraph(p, false)
		g.Norm(g.Conv(g.Input("x", 1, 4, 4, 2), "c", 3, 3, Conv2D{Stride: 1}), "n")
		return p
	}
	shapes, full := build(NewShapes()), build(NewParams(1))
	assert.Equal(t, full.Count(), shapes.Count())
	for i, p := range full.All() {
		q := shapes.All()[i]
		assert.Equal(t, []any{p.Name, p.Shape, p.Kind}, []any{q.Name, q.Shape, q.Kind})
		assert.Nil(t, q.Data)
	}
}
