//go:build gpu

package cuda

import (
	"math"
	"testing"

	"scalenet/engine"
	"scalenet/engine/optest"
	"scalenet/engine/ref"
	"scalenet/nn"

	"github.com/stretchr/testify/require"
)

// How far products stray from the reference's, whose inputs are not rounded, as a part of the output's scale: the largest of all
// convolutions and linear layers of the table. The tolerances are ten times what a rounding of each factor costs at worst (TF32 has 10 bits
// of mantissa, bfloat16 7).
func TestPrecision(t *testing.T) {
	oracle := ref.New(ref.Options{Fuse: true})
	for _, p := range []struct {
		name      string
		options   Options
		features  engine.DType
		tolerance float64
	}{
		{"f32", Options{}, engine.Float32, 1e-5},
		{"tf32", Options{TF32: true}, engine.Float32, 1e-2},
		{"bf16", Options{}, engine.BFloat16, 4e-2},
		{"f16", Options{}, engine.Float16, 5e-3},
	} {
		t.Run(p.name, func(t *testing.T) {
			d, err := New(p.options)
			require.NoError(t, err)
			defer func() { require.NoError(t, d.Close()) }()
			if err := d.Capabilities().BFloat16; p.features == engine.BFloat16 && err != nil {
				t.Skip(err)
			}
			worst, of := 0.0, ""
			for _, c := range optest.Cases() {
				switch c.Op.(type) {
				case nn.Conv2D, nn.Linear:
				default:
					continue
				}
				want, got := results(t, oracle, c, engine.Float32), results(t, d, c, p.features)
				scale, difference := 0.0, 0.0
				for i := range want {
					scale = math.Max(scale, math.Abs(float64(want[i])))
					difference = math.Max(difference, math.Abs(float64(want[i]-got[i])))
				}
				require.LessOrEqual(t, difference, p.tolerance*scale, c.Name)
				if difference/scale > worst {
					worst, of = difference/scale, c.Name
				}
			}
			t.Logf("precision %s: %.2g of the scale at most (%s), allowed %.2g", p.name, worst, of, p.tolerance)
		})
	}
}

// results runs a case on a device with features of a type; the output is float32.
func results(t *testing.T, dev engine.Device, c optest.Case, features engine.DType) []float32 {
	t.Helper()
	alloc := func(shape nn.Shape, typ engine.DType) engine.Tensor {
		x := engine.Tensor{Desc: engine.Desc{Shape: shape, Type: typ}}
		m, err := dev.Alloc(x.Bytes())
		require.NoError(t, err)
		x.Mem = m
		return x
	}
	run := func(op nn.Op, out engine.Tensor, in ...engine.Tensor) {
		k, err := dev.Kernel(op, in, out)
		require.NoError(t, err, c.Name)
		defer k.Close()
		require.NoError(t, dev.Do(k.Run), c.Name)
	}
	var in []engine.Tensor
	for i, input := range c.In {
		x := alloc(input.Shape, engine.Float32)
		defer dev.Free(x.Mem)
		values := make([]float32, input.Shape.TotalSize())
		for k, v := range c.Values(i, "") {
			values[k] = float32(v)
		}
		require.NoError(t, dev.Write(x.Mem, values))
		if features != engine.Float32 && len(input.Shape) == 4 && !input.Param {
			short := alloc(input.Shape, features)
			defer dev.Free(short.Mem)
			run(engine.Cast{}, short, x)
			x = short
		}
		in = append(in, x)
	}
	out := alloc(c.OutShape(), engine.Float32)
	defer dev.Free(out.Mem)
	run(c.Op, out, in...)
	got := make([]float32, out.Shape.TotalSize())
	require.NoError(t, dev.Read(got, out.Mem))
	return got
}
