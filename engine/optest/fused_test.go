package optest

import (
	"fmt"
	"testing"

	"scalenet/engine"
	"scalenet/nn"
)

// Each fused operation equals the chain of nn's operations that it is
// documented to replace.
func TestFusedForward(t *testing.T) {
	for _, c := range Cases() {
		chain := chainOf(c.Op)
		if chain == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			g := &graph{Graph: nn.NewGraphOf(nn.Float64, nn.NewParams(1), false)}
			values := map[*nn.Node][]float64{}
			for i, in := range c.In {
				n := g.Input(fmt.Sprint("in", i), in.Shape...)
				g.in, values[n] = append(g.in, n), c.Values(i, "")
			}
			var out *nn.Node
			if err := nn.Build(func() { out = chain(g.in) }); err != nil {
				t.Fatal(err)
			}
			want, err := g.evaluate(values, out)
			if err != nil {
				t.Fatal(err)
			}
			if err := Compare(mustCompute(t, c, allValues(c)), want[0], 1e-13); err != nil {
				t.Error(err)
			}
		})
	}
}

// chainOf builds what a fused operation replaces; nil for all other operations.
func chainOf(op nn.Op) func(in []*nn.Node) *nn.Node {
	switch op := op.(type) {
	case engine.ConvBlock:
		return func(in []*nn.Node) *nn.Node { return convChain(op, in) }
	case engine.ResizeBlock:
		return func(in []*nn.Node) *nn.Node {
			y := nn.Apply(op.Resize2D, in[0])
			for _, x := range in[1:op.ResidualAt()] {
				y = nn.Sum(y, nn.Apply(op.Resize2D, x))
			}
			return tail(y, in[op.ResidualAt():], op.ReLU)
		}
	case engine.NormBlock:
		return func(in []*nn.Node) *nn.Node {
			return tail(nn.Apply(op.BatchNorm2D, in[:4]...), in[4:], op.ReLU)
		}
	case engine.ScaleBlock:
		return func(in []*nn.Node) *nn.Node {
			return tail(nn.Apply(nn.ScaleChannels{}, in[:2]...), in[2:], op.ReLU)
		}
	case engine.FrozenNormReLU:
		return func(in []*nn.Node) *nn.Node { return nn.Relu(nn.Apply(op.FrozenBatchNorm2D, in...)) }
	case engine.AddReLU:
		return func(in []*nn.Node) *nn.Node { return tail(in[0], in[1:], true) }
	case engine.AddReLUGrad:
		return func(in []*nn.Node) *nn.Node { return nn.Apply(nn.ReLUGrad{}, in[0], nn.Sum(in[1], in[2])) }
	}
	return nil
}

func convChain(op engine.ConvBlock, in []*nn.Node) *nn.Node {
	x, weight, rest := in[0], in[1], in[2:]
	if op.To > 0 {
		weight = nn.Apply(nn.Slice{Axis: 1, From: op.From, To: op.To}, weight)
	}
	var bias *nn.Node
	if op.Bias {
		bias, rest = rest[0], rest[1:]
	}
	y := nn.Conv(x, weight, bias, op.Conv2D)
	if op.Norm.On {
		norm := nn.FrozenBatchNorm2D{Eps: op.Norm.Eps, ScaleOnly: op.Norm.ScaleOnly}
		y, rest = nn.Apply(norm, y, rest[0], rest[1], rest[2], rest[3]), rest[4:]
	}
	y = tail(y, rest, op.Activation == engine.ReLU)
	if op.Activation == engine.HardSwish {
		return nn.Apply(nn.HardSwish{}, y)
	}
	return y
}

// tail adds the residual, if any, and rectifies.
func tail(y *nn.Node, residual []*nn.Node, rectify bool) *nn.Node {
	y = nn.Sum(y, residual...)
	if rectify {
		y = nn.Relu(y)
	}
	return y
}
