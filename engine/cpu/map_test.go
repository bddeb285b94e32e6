package cpu

import (
	"runtime"
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mapped is a tensor that lies in a slice of the test's.
func mapped(t testing.TB, d *Device, values []float32, shape ...int) engine.Tensor {
	t.Helper()
	m, err := d.Map(values)
	require.NoError(t, err)
	t.Cleanup(func() { d.Free(m) })
	return engine.Tensor{Desc: engine.Desc{Shape: nn.Shape(shape), Type: engine.Float32}, Mem: m, Version: new(uint64)}
}

// The host's memory is read where it is, and written by nobody.
func TestMap(t *testing.T) {
	d := newDevice(t, 1)
	host := []float32{1, -2, 3}
	x, y := mapped(t, d, host, 3), alloc(t, d, engine.Float32, []float32{5, 6, 7}, 3)
	assert.Equal(t, 12, x.Mem.Bytes())
	k := compile(t, d, nn.ReLU{}, y, x)
	defer k.Close()
	run(t, d, k)
	assert.Equal(t, []float32{1, 0, 3}, read(t, d, y))
	host[1] = 2
	run(t, d, k)
	assert.Equal(t, host, read(t, d, y))

	require.NoError(t, d.Write(x.Mem, host), "a write of itself changes nothing")
	assert.ErrorIs(t, d.Write(x.Mem, []float32{4, 5, 6}), errReadOnly)
	assert.ErrorIs(t, d.Update(engine.SGDUpdate{LR: 1}, x.Mem, y.Mem, []engine.Memory{y.Mem}, 3), errReadOnly)
	assert.ErrorIs(t, d.Update(engine.SGDUpdate{LR: 1}, y.Mem, y.Mem, []engine.Memory{x.Mem}, 3), errReadOnly)
	assert.ErrorIs(t, d.Blend(x.Mem, y.Mem, 3, 1, 0), errReadOnly)
	_, err := d.Kernel(nn.ReLU{}, []engine.Tensor{y}, x)
	assert.ErrorIs(t, err, errReadOnly)
	assert.Equal(t, []float32{1, 2, 3}, host)
	require.NoError(t, d.Blend(y.Mem, x.Mem, 3, 2, 0), "reading is allowed")
	assert.Equal(t, []float32{2, 4, 6}, read(t, d, y))

	d.Free(x.Mem)
	d.Free(x.Mem)
	assert.ErrorContains(t, d.Write(x.Mem, host), "after it was freed")
	for value, want := range map[any]string{
		"abc":             "string is not a slice",
		[0]int32{}:        "[0]int32 is not a slice",
		new([]float32):    "*[]float32 is not a slice",
		(*[]float32)(nil): "*[]float32 is not a slice",
	} {
		_, err := d.Map(value)
		assert.ErrorContains(t, err, want)
	}
	for _, empty := range []any{[]float32{}, []float32(nil), []int32{}} {
		_, err := d.Map(empty)
		assert.ErrorContains(t, err, "nothing to map in an empty")
	}
}

// Memory that is never freed neither ends the program, as a pinner that is lost
// would, nor stays.
func TestMappedMemoryIsCollected(t *testing.T) {
	d := newDevice(t, 1)
	before := residentMB(t)
	for range 50 {
		host := make([]float32, 4<<20>>2)
		for i := range host {
			host[i] = 1
		}
		_, err := d.Map(host)
		require.NoError(t, err)
		runtime.GC()
	}
	assert.Less(t, residentMB(t)-before, 100, "50 slices of 4 MB")
}

// inference compiles plans of two sizes of a small network (convolutions by both
// methods, norms folded and not, a linear layer) and gives what runs them.
func inference(t *testing.T, d *Device, store *engine.Store) func() []float32 {
	t.Helper()
	var runs []func(out []float32)
	for _, side := range []int{9, 40} {
		var x, y *nn.Node
		g := nn.NewGraph(store.Params(), false)
		require.NoError(t, nn.Build(func() {
			x = g.Input("x", 1, side, side, 3)
			y = nn.Relu(g.Norm(g.Conv(x, "stem", 32, 3, nn.Conv2D{Stride: 2, Pad: 1, Dilation: 1, Groups: 1}), "stem_norm"))
			y = g.Norm(y, "alone")
			y = g.BiasedConv(y, "conv", 48, 3, nn.Conv2D{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}, 0.1)
			y = g.Norm(g.Conv(y, "point", 20, 1, nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}), "point_norm")
			y = g.Linear(nn.Apply(nn.GlobalAvgPool2D{}, y), "fc", 5, nn.UniformFanIn(20))
		}))
		plan, err := engine.Compile(d, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{y}}})
		require.NoError(t, err)
		t.Cleanup(func() { plan.Close() })
		runs = append(runs, func(out []float32) {
			require.NoError(t, plan.Write(x, ramp(side*side*3)))
			require.NoError(t, plan.RunAll())
			require.NoError(t, plan.Read(y, out))
		})
	}
	return func() []float32 {
		out := make([]float32, 5*len(runs))
		for i, run := range runs {
			run(out[5*i : 5*i+5])
		}
		return out
	}
}

// A store that maps the parameters gives the bits of one that has copies, before
// and after the parameters change, and leaves them alone.
func TestReadOnlyStore(t *testing.T) {
	d := newDevice(t, 2)
	params := nn.NewParams(1)
	copied, mapped := engine.NewStore(d, params), engine.NewReadOnlyStore(d, params)
	t.Cleanup(copied.Close)
	t.Cleanup(mapped.Close)
	byCopy, byMap := inference(t, d, copied), inference(t, d, mapped)
	first := byCopy()
	assert.Equal(t, first, byMap())

	before := map[string][]float32{}
	for _, p := range params.All() {
		for i := range p.Data {
			p.Data[i] = 0.5 + 0.9*p.Data[i]
		}
		before[p.Name] = append([]float32(nil), p.Data...)
	}
	assert.Equal(t, first, byCopy(), "not uploaded yet")
	require.NoError(t, copied.Upload())
	require.NoError(t, mapped.Upload())
	second := byCopy()
	assert.NotEqual(t, first, second)
	assert.Equal(t, second, byMap())

	p := params.Get("fc.weight")
	p.Data[0]++
	require.NoError(t, copied.Upload(p))
	require.NoError(t, mapped.Upload(p))
	assert.Equal(t, byCopy(), byMap())
	p.Data[0] = before[p.Name][0]
	require.NoError(t, mapped.Download())
	for _, p := range params.All() {
		assert.Equal(t, before[p.Name], p.Data, p.Name)
	}

	p.Data = append([]float32(nil), p.Data...)
	assert.ErrorIs(t, mapped.Upload(p), errReadOnly, "other memory than what the plans read")
	v, err := mapped.Tensor(p, engine.Float32)
	require.NoError(t, err)
	assert.ErrorIs(t, d.Update(engine.SGDUpdate{}, v.Mem, v.Mem, []engine.Memory{v.Mem}, 1), errReadOnly, "nothing is trained in it")
}
