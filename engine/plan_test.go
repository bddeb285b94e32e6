package engine_test

import (
	"errors"
	"testing"

	"scalenet/backbone"
	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// accountant is a device that computes nothing: it counts memory and kernels,
// and fails where it is told to.
type accountant struct {
	engine.Device      // reads and writes
	bytes, live, close int
	kernels            []engine.Tensor // outputs of the kernels, in order
	failAt             int             // the kernel that fails, counted from 1
	full               bool            // no memory
	unwritable         bool
	float32Only        bool
}

type counted struct {
	engine.Kernel
	dev *accountant
}

func (k counted) Close() { k.dev.close++ }

type block int

func (b block) Bytes() int { return int(b) }

var errAccount = errors.New("as told")

func (a *accountant) Name() string { return "accountant" }
func (a *accountant) Sync() error  { return nil }
func (a *accountant) Capabilities() engine.Capabilities {
	c := engine.Capabilities{Fuses: true, Float16: errors.New("accountant does not compute in float16")}
	if a.float32Only {
		c.BFloat16 = errAccount
	}
	return c
}
func (a *accountant) Alloc(bytes int) (engine.Memory, error) {
	if a.full {
		return nil, errAccount
	}
	a.bytes += bytes
	a.live++
	return block(bytes), nil
}
func (a *accountant) Part(_ engine.Memory, _, bytes int) (engine.Memory, error) {
	return block(bytes), nil
}
func (a *accountant) Free(engine.Memory) { a.live-- }
func (a *accountant) Write(engine.Memory, any) error {
	if a.unwritable {
		return errAccount
	}
	return nil
}
func (a *accountant) Kernel(_ nn.Op, _ []engine.Tensor, out engine.Tensor) (engine.Kernel, error) {
	if a.failAt == len(a.kernels)+1 {
		return nil, errAccount
	}
	a.kernels = append(a.kernels, out)
	return counted{nil, a}, nil
}

// chain is a graph of convolutions.
func chain(t *testing.T) (g *nn.Graph, x, y *nn.Node) {
	t.Helper()
	g = nn.NewGraph(nn.NewParams(1), false)
	require.NoError(t, nn.Build(func() {
		x = g.Input("x", 1, 4, 4, 2)
		y = nn.Relu(g.Norm(g.Conv(x, "a", 2, 1, nn.Conv2D{Stride: 1}), "n"))
		y = g.Conv(y, "b", 2, 1, nn.Conv2D{Stride: 1})
	}))
	return g, x, y
}

// The inference plan of ScaleNet-50 at 224: its input, its logits and all that
// lies between them. A change of this number is a change of the memory plan.
func TestBytesOfScaleNet50(t *testing.T) {
	net, err := backbone.Config{Name: "scalenet50"}.New()
	require.NoError(t, err)
	params := nn.NewParams(1)
	g := nn.NewGraph(params, false)
	var logits *nn.Node
	require.NoError(t, nn.Build(func() { logits = backbone.Classifier(g, net, g.Features("images", 1, 224, 224, 3), 1000) }))
	for _, c := range []struct {
		lowered bool
		bytes   int
	}{{false, 5686272}, {true, 3144192}} {
		dev := &accountant{}
		store := engine.NewStore(dev, params)
		plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{logits}}, Features: lowered(c.lowered)})
		require.NoError(t, err)
		assert.Equal(t, c.bytes, plan.Bytes(), "lowered: %v", c.lowered)
		require.NoError(t, plan.Close())
		store.Close()
		assert.Zero(t, dev.live)
		assert.Equal(t, len(dev.kernels), dev.close)
	}
}

// A plan is the same whenever it is made.
func TestCompileIsDeterministic(t *testing.T) {
	layout := func() (blocks []int) {
		g, _, y := chain(t)
		dev := &accountant{}
		_, err := engine.Compile(dev, engine.NewStore(dev, g.Params), engine.Spec{Graph: g, Stages: [][]*nn.Node{{y}}})
		require.NoError(t, err)
		for _, out := range dev.kernels {
			blocks = append(blocks, out.Mem.Bytes())
		}
		return blocks
	}
	want := layout()
	for range 10 {
		assert.Equal(t, want, layout())
	}
}

func TestCompileFreesWhatFails(t *testing.T) {
	for name, dev := range map[string]*accountant{
		"no memory":            {full: true},
		"first kernel":         {failAt: 1},
		"last kernel":          {failAt: 2},
		"unwritable parameter": {unwritable: true},
		"no bfloat16":          {float32Only: true},
	} {
		t.Run(name, func(t *testing.T) {
			g, _, y := chain(t)
			store := engine.NewStore(dev, g.Params)
			plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{y}}, Features: lowered(dev.float32Only)})
			require.ErrorIs(t, err, errAccount)
			assert.Nil(t, plan)
			store.Close()
			assert.Zero(t, dev.live, "blocks still allocated")
			assert.Equal(t, len(dev.kernels), dev.close, "kernels closed")
		})
	}
}

func TestStages(t *testing.T) {
	dev := ref.New(ref.Options{Fuse: true})
	g := nn.NewGraph(nn.NewParams(1), false)
	var x, late, unused, features, view, sum *nn.Node
	require.NoError(t, nn.Build(func() {
		x, late, unused = g.Input("x", 1, 1, 1, 3), g.Input("late", 1, 1, 1, 3), g.Input("unused", 7)
		features = nn.Relu(x)
		view = nn.Reshaped(features, 3)
		sum = nn.Relu(nn.Sum(features, nn.Relu(late)))
	}))
	store := engine.NewStore(dev, g.Params)
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{features, view}, {sum}}})
	require.NoError(t, err)
	read := func(n *nn.Node) []float32 {
		v := make([]float32, 3)
		require.NoError(t, plan.Read(n, v))
		return v
	}
	require.NoError(t, plan.Write(x, []float32{-1, 2, 3}))
	require.NoError(t, plan.Write(unused, []float32{1}), "inputs that no output needs are ignored")
	require.NoError(t, plan.Run(0))
	require.NoError(t, plan.Write(late, read(view)))
	require.NoError(t, plan.Run(1))
	assert.Equal(t, []float32{0, 4, 6}, read(sum))
	assert.Equal(t, []float32{0, 2, 3}, read(features), "an output of the first stage survives the second")
	assert.Equal(t, []float32{0, 2, 3}, read(view))

	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"short":         {plan.Write(x, []float32{1}), "1 values of []float32 for input x, which is f32[1 1 1 3]"},
		"type":          {plan.Write(x, []int32{1, 2, 3}), "3 values of []int32 for input x"},
		"no slice":      {plan.Write(x, 1.5), "float64 for input x"},
		"no room":       {plan.Read(sum, make([]float32, 2)), "2 values of []float32 for output"},
		"no output":     {plan.Read(unused, make([]float32, 7)), "unused is neither an input that the plan uses nor one of its outputs"},
		"no such stage": {plan.Run(2), "stage 2 of a plan that has 2"},
	} {
		assert.ErrorContains(t, c.err, c.want, name)
	}
	times, err := plan.Profile()
	require.NoError(t, err)
	require.Len(t, times, 3)
	assert.Contains(t, times[2].Step, "AddReLU{} -> f32[1 1 1 3]")
	require.NoError(t, plan.Close())
	require.NoError(t, plan.Close(), "closing twice is no error")
	assert.ErrorContains(t, plan.Run(0), "stage 0 of a plan that has 0")
}

func TestSharedInputs(t *testing.T) {
	dev := ref.New(ref.Options{})
	build := func() (*nn.Graph, *nn.Node, *nn.Node) {
		g := nn.NewGraph(nn.NewParams(1), false)
		x := g.Input("x", 2)
		return g, x, nn.Relu(x)
	}
	compile := func(g *nn.Graph, out *nn.Node, shared map[*nn.Node]engine.Tensor) (*engine.Plan, error) {
		return engine.Compile(dev, engine.NewStore(dev, g.Params), engine.Spec{Graph: g, Stages: [][]*nn.Node{{out}}, Shared: shared})
	}
	g, x, y := build()
	first, err := compile(g, y, nil)
	require.NoError(t, err)
	between, ok := first.Tensor(y)
	require.True(t, ok)

	h, u, v := build()
	second, err := compile(h, v, map[*nn.Node]engine.Tensor{u: between})
	require.NoError(t, err)
	assert.Equal(t, engine.Alignment, second.Bytes(), "the output only")
	require.NoError(t, first.Write(x, []float32{-1, 5}))
	require.NoError(t, first.RunAll())
	require.NoError(t, second.RunAll())
	got := make([]float32, 2)
	require.NoError(t, second.Read(v, got))
	assert.Equal(t, []float32{0, 5}, got)
	require.NoError(t, second.Close())
	require.NoError(t, first.Read(y, got), "what is shared belongs to the plan that made it")

	between.Shape = []int{1, 2}
	_, err = compile(h, v, map[*nn.Node]engine.Tensor{u: between})
	assert.ErrorContains(t, err, "input x is f32[2], the shared tensor f32[1 2]")
	_, err = compile(h, v, map[*nn.Node]engine.Tensor{v: between})
	assert.ErrorContains(t, err, "it is no input")
}

// lowered is the type of features in bfloat16 plans.
func lowered(on bool) engine.DType {
	if on {
		return engine.BFloat16
	}
	return engine.Float32
}
