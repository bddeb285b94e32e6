package engine_test

import (
	"errors"
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
)

// compiler notes what it is asked to do.
type compiler struct {
	compiled bool
	widened  []int
}

func (c *compiler) Owns(t engine.Tensor) error {
	if t.Mem == nil {
		return errors.New("no memory")
	}
	return nil
}

func (c *compiler) Widen(i int) error {
	c.widened = append(c.widened, i)
	return nil
}

func TestKernelsCompile(t *testing.T) {
	kernels := engine.Kernels[*compiler]{}
	compile := func(c *compiler) error { c.compiled = true; return nil }
	kernels.Add(compile, nn.Add{})
	kernels.AddMixed(compile, engine.Cast{})
	assert.PanicsWithValue(t, "engine: nn.Add is in the table of kernels twice", func() { kernels.Add(compile, nn.Add{}) })

	tensor := func(typ engine.DType, shape ...int) engine.Tensor {
		return engine.Tensor{Desc: engine.Desc{Shape: shape, Type: typ}, Mem: block(0)}
	}
	f32, bf16, f16 := tensor(engine.Float32, 2), tensor(engine.BFloat16, 2), tensor(engine.Float16, 2)
	for name, c := range map[string]struct {
		op      nn.Op
		in      []engine.Tensor
		out     engine.Tensor
		want    string
		widened []int
	}{
		"float32":             {op: nn.Add{}, in: []engine.Tensor{f32, f32}, out: f32},
		"16-bit inputs":       {op: nn.Add{}, in: []engine.Tensor{f32, bf16}, out: f32, widened: []int{1}},
		"both 16-bit":         {op: nn.Add{}, in: []engine.Tensor{f16, bf16}, out: f32, widened: []int{0, 1}},
		"16-bit output":       {op: nn.Add{}, in: []engine.Tensor{bf16, bf16}, out: bf16},
		"kernel of its own":   {op: engine.Cast{}, in: []engine.Tensor{bf16}, out: f32},
		"not in the table":    {op: nn.ReLU{}, in: []engine.Tensor{f32}, out: f32, want: "no kernel for nn.ReLU"},
		"memory":              {op: nn.Add{}, in: []engine.Tensor{f32, {Desc: f32.Desc}}, out: f32, want: "input 1: no memory"},
		"memory of output":    {op: nn.Add{}, in: []engine.Tensor{f32, f32}, out: engine.Tensor{Desc: f32.Desc}, want: "output: no memory"},
		"shape":               {op: nn.Add{}, in: []engine.Tensor{f32, f32}, out: tensor(engine.Float32, 3), want: "the output's shape is (2)"},
		"integer for a float": {op: nn.Add{}, in: []engine.Tensor{f32, tensor(engine.Int32, 2)}, out: f32, want: "input 1: i32 where a float is wanted"},
	} {
		t.Run(name, func(t *testing.T) {
			var got compiler
			err := kernels.Compile(&got, c.op, c.in, c.out)
			if c.want != "" {
				assert.EqualError(t, err, c.want)
				assert.False(t, got.compiled)
				return
			}
			assert.NoError(t, err)
			assert.True(t, got.compiled)
			assert.Equal(t, c.widened, got.widened)
		})
	}
}
