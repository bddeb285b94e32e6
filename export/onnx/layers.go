package onnx

import (
	"fmt"
	"math"

	"scalenet/nn"
)

// param is a parameter of the model, or computed from one.
type param struct {
	name   string
	shape  []int
	values []float32
}

// param returns the parameter that a node is, or a slice of one; nil for other nodes.
func (n *network) param(node *nn.Node) *param {
	if node == nil {
		return nil
	}
	if p := n.graphs[0].ParamOf(node); p != nil {
		return &param{p.Name, p.Shape, p.Floats()}
	}
	if op, ok := node.Op().(nn.Slice); ok {
		if whole := n.param(node.Inputs()[0]); whole != nil {
			return whole.slice(op)
		}
	}
	return nil
}

// slice returns [From, To) along an axis.
func (p *param) slice(op nn.Slice) *param {
	inner, outer := 1, 1
	for axis, d := range p.shape {
		if axis < op.Axis {
			outer *= d
		} else if axis > op.Axis {
			inner *= d
		}
	}
	out := &param{fmt.Sprintf("%s[%d:%d]", p.name, op.From, op.To), append([]int{}, p.shape...), nil}
	out.shape[op.Axis] = op.To - op.From
	for i := range outer {
		row := p.values[i*p.shape[op.Axis]*inner:]
		out.values = append(out.values, row[op.From*inner:op.To*inner]...)
	}
	return out
}

// conv adds a convolution; bias may be nil.
func (n *network) conv(op nn.Conv2D, in []*nn.Node, weight, bias *param) value {
	if weight == nil {
		nn.Fail("the operation %s has no ONNX form: its weight is not a parameter", nn.Name(op))
	}
	list := []value{n.of(in[0]), n.stored(weight)}
	if bias != nil {
		list = append(list, n.stored(bias))
	}
	a := window(weight.shape[2], op.Stride, op.Pad, attributes{"group": op.Groups})
	a["dilations"] = []int{op.Dilation, op.Dilation}
	return n.with("Conv", a, list...)
}

// stored is the constant of a parameter, written once.
func (n *network) stored(p *param) value {
	if n.taken[p.name] {
		return value(p.name)
	}
	return n.floats(p.name, p.shape, p.values)
}

// norm adds a BatchNorm with fixed statistics. It becomes part of the convolution before it if nothing else uses that one's output.
func (n *network) norm(op nn.FrozenBatchNorm2D, in []*nn.Node) value {
	scale, shift := n.affine(op, in)
	if n.folded(in[0]) {
		of := in[0].Inputs()
		weight := n.param(of[1])
		name := fmt.Sprintf("%s.%s", weight.name, scale.name)
		return n.conv(in[0].Op().(nn.Conv2D), of, weight.times(name, scale), shift.plus(scale, n.param(at(of, 2))))
	}
	x := n.of(in[0])
	column := func(p *param) value { // (C) to (C, 1, 1)
		if n.taken[p.name] {
			return value(p.name)
		}
		return n.floats(p.name, []int{p.shape[0], 1, 1}, p.values)
	}
	x = n.op("Mul", x, column(scale))
	if shift == nil {
		return x
	}
	return n.op("Add", x, column(shift))
}

// folded reports whether a node is a convolution that becomes one operation with the BatchNorm behind it.
func (n *network) folded(node *nn.Node) bool {
	_, ok := node.Op().(nn.Conv2D)
	return ok && n.uses[node] == 1 && n.param(node.Inputs()[1]) != nil
}

// affine returns a BatchNorm with fixed statistics as factors and terms of the channels, computed in float64. shift is nil if there are no terms.
func (n *network) affine(op nn.FrozenBatchNorm2D, in []*nn.Node) (scale, shift *param) {
	weight, bias, mean, variance := n.param(in[1]), n.param(in[2]), n.param(in[3]), n.param(in[4])
	scale = &param{weight.name + ".scale", weight.shape, make([]float32, len(weight.values))}
	shift = &param{bias.name + ".shift", bias.shape, make([]float32, len(weight.values))}
	for i, w := range weight.values {
		factor := float64(w) / math.Sqrt(float64(variance.values[i])+op.Eps)
		scale.values[i] = float32(factor)
		shift.values[i] = float32(float64(bias.values[i]) - float64(mean.values[i])*factor)
	}
	if op.ScaleOnly {
		shift = nil
	}
	return scale, shift
}

// times multiplies the weight of each output channel.
func (p *param) times(name string, scale *param) *param {
	out := &param{name, p.shape, make([]float32, len(p.values))}
	each := len(p.values) / p.shape[0]
	for i, v := range p.values {
		out.values[i] = v * scale.values[i/each]
	}
	return out
}

// plus adds a convolution's bias, which the BatchNorm scales, to the BatchNorm's terms. Both may be nil.
func (p *param) plus(scale, bias *param) *param {
	if bias == nil {
		return p
	}
	if p == nil {
		return bias.times(bias.name+"."+scale.name, scale)
	}
	out := &param{bias.name + "." + p.name, p.shape, make([]float32, len(p.values))}
	for i, v := range p.values {
		out.values[i] = v + bias.values[i]*scale.values[i]
	}
	return out
}
