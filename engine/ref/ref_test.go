package ref

import (
	"math"
	"strings"
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The operations are tested in package optest: against PyTorch, finite
// differences and the chains that the fused ones equal. Here is the rest.

// tensorOf is a tensor with the values, which are written as its type.
func tensorOf(t *testing.T, d *Device, typ engine.DType, values []float64, shape ...int) engine.Tensor {
	t.Helper()
	x := engine.Tensor{Desc: engine.Desc{Shape: shape, Type: typ}}
	var err error
	x.Mem, err = d.Alloc(x.Bytes())
	require.NoError(t, err)
	if values != nil {
		store(x, array{shape: shape, data: values})
	}
	return x
}

func TestValuesThatHaveARange(t *testing.T) {
	d := New(Options{})
	f := func(v []float64, shape ...int) engine.Tensor { return tensorOf(t, d, engine.Float32, v, shape...) }
	labels := func(v ...float64) engine.Tensor { return tensorOf(t, d, engine.Int32, v, len(v)) }
	align := nn.RoIAlign{Size: 1, Scale: 1}
	for name, c := range map[string]struct {
		op   nn.Op
		in   []engine.Tensor
		out  engine.Tensor
		want string
	}{
		"class":         {nn.SoftmaxCrossEntropy{}, []engine.Tensor{f(nil, 2, 3), labels(0, 3)}, f(nil, 1), "label 1 is 3, want less than 3"},
		"class grad":    {nn.SoftmaxCrossEntropyGrad{}, []engine.Tensor{f(nil, 1, 3), labels(4), f(nil, 1)}, f(nil, 1, 3), "label 0 is 4"},
		"binary":        {nn.SigmoidCrossEntropy{}, []engine.Tensor{f(nil, 2), labels(2, 0)}, f(nil, 1), "label 0 is 2, want less than 2"},
		"image":         {align, []engine.Tensor{f(nil, 2, 3, 3, 1), f([]float64{2, 0, 0, 1, 1}, 1, 5)}, f(nil, 1, 1, 1, 1), "region 0: image 2 of 2"},
		"not a number":  {align, []engine.Tensor{f(nil, 1, 3, 3, 1), f([]float64{0, 0, math.NaN(), 1, 1}, 1, 5)}, f(nil, 1, 1, 1, 1), "is not finite"},
		"infinite side": {align, []engine.Tensor{f(nil, 1, 3, 3, 1), f([]float64{0, 0, 0, 1, math.Inf(1)}, 1, 5)}, f(nil, 1, 1, 1, 1), "is not finite"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := d.Kernel(c.op, c.in, c.out)
			require.NoError(t, err)
			assert.ErrorContains(t, d.Do(k.Run), c.want)
		})
	}
}

func TestTypes(t *testing.T) {
	d := New(Options{})
	types := []engine.DType{engine.Float32, engine.Float64, engine.BFloat16, engine.Int32}
	for _, op := range []nn.Op{nn.ReLU{}, nn.Slice{Axis: 0, From: 0, To: 2}, engine.Cast{}} {
		for _, in := range types {
			for _, out := range types {
				_, err := d.Kernel(op, []engine.Tensor{tensorOf(t, d, in, nil, 2)}, tensorOf(t, d, out, nil, 2))
				_, moves := op.(nn.Slice)
				_, casts := op.(engine.Cast)
				floats := in != engine.Int32 && out != engine.Int32
				mixed := (in == engine.Float64) != (out == engine.Float64)
				want := floats && (!mixed || casts) || moves && in == out
				assert.Equal(t, want, err == nil, "%T of %v to %v: %v", op, in, out, err)
			}
		}
	}
}

func TestInt32Moves(t *testing.T) {
	d := New(Options{})
	a, b := tensorOf(t, d, engine.Int32, []float64{-1, math.MaxInt32}, 2), tensorOf(t, d, engine.Int32, []float64{math.MinInt32}, 1)
	out := tensorOf(t, d, engine.Int32, nil, 3)
	k, err := d.Kernel(nn.Concat{}, []engine.Tensor{a, b}, out)
	require.NoError(t, err)
	require.NoError(t, d.Do(k.Run))
	got := make([]int32, 3)
	require.NoError(t, d.Read(got, out.Mem))
	assert.Equal(t, []int32{-1, math.MaxInt32, math.MinInt32}, got)
}

// What is not a number stays one, so that a diverging loss is seen.
func TestNaNs(t *testing.T) {
	x := array{shape: nn.Shape{1, 2, 2, 1}, data: []float64{1, math.NaN(), 3, 2}}
	assert.True(t, math.IsNaN(maxPool(nn.MaxPool2D{Kernel: 2, Stride: 2}, x).data[0]))
	assert.True(t, math.IsNaN(relu(x).data[1]))
}

func TestNoRegions(t *testing.T) {
	x := zeros(1, 3, 3, 2)
	y := roiAlignForward(nn.RoIAlign{Size: 7, Scale: 1}, []array{x}, zeros(0, 5))
	assert.Equal(t, nn.Shape{0, 7, 7, 2}, y.shape)
	assert.Empty(t, y.data)
	assert.Zero(t, softmaxLoss(0, zeros(0, 5), zeros(0)).data[0])
}

func TestSGD(t *testing.T) {
	d := New(Options{})
	w := tensorOf(t, d, engine.Float32, []float64{1, -2}, 2)
	g := tensorOf(t, d, engine.Float32, []float64{0.5, 4}, 2)
	v := tensorOf(t, d, engine.Float32, []float64{0, 1}, 2)
	step := engine.SGDUpdate{LR: 0.5, Momentum: 0.5, Decay: 0.25, GradScale: 2}
	require.NoError(t, d.Update(step, w.Mem, g.Mem, []engine.Memory{v.Mem}, 2))
	got := make([]float32, 2)
	require.NoError(t, d.Read(got, v.Mem))
	assert.Equal(t, []float32{1.25, 8}, got) // 0*0.5 + 2*0.5 + 0.25*1, 1*0.5 + 2*4 - 0.25*2
	require.NoError(t, d.Read(got, w.Mem))
	assert.Equal(t, []float32{0.375, -6}, got)
	require.NoError(t, d.Write(w.Mem, []float32{-1, 0}))
	require.NoError(t, d.Update(engine.SGDUpdate{LR: 1, L1: 0.25}, w.Mem, g.Mem, []engine.Memory{v.Mem}, 2))
	require.NoError(t, d.Read(got, w.Mem))
	assert.Equal(t, []float32{-0.75, 0}, got, "a penalty pulls to zero, and leaves zero alone")

	for _, err := range []error{
		d.Update(step, w.Mem, g.Mem, []engine.Memory{v.Mem}, 3), d.Blend(w.Mem, g.Mem, 3, 1, 1), d.Blend(w.Mem, alien{}, 2, 1, 1),
	} {
		require.Error(t, err)
		assert.True(t, strings.HasPrefix(err.Error(), "ref: cannot "), err)
	}
	_, err := d.SumSquares(w.Mem, -1)
	assert.Error(t, err)
}

type alien struct{}

func (alien) Bytes() int { return 1 << 20 }

func TestMemory(t *testing.T) {
	d := New(Options{Fuse: true})
	assert.True(t, d.Capabilities().Fuses)
	assert.Equal(t, "ref", d.Name())
	_, err := d.Alloc(-1)
	assert.Error(t, err)
	m, err := d.Alloc(8)
	require.NoError(t, err)
	require.NoError(t, d.Write(m, []float64{-1.5}))
	got := []float64{0}
	require.NoError(t, d.Read(got, m))
	assert.Equal(t, []float64{-1.5}, got)
	d.Free(m)
	assert.ErrorContains(t, d.Read(got, m), "8 bytes in a block of 0")
	assert.ErrorContains(t, d.Write(alien{}, got), "another device")
	assert.NoError(t, d.Close())
}
