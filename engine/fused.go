package engine

import (
	"gorgonia.org/tensor"
	"scalenet/nn"
)

// The operations below are what fusion makes of chains of nn operations. Each
// documents the chain it equals; optional inputs come in the order listed.

// Norm is a frozen BatchNorm folded into its neighbour.
type Norm struct {
	On        bool
	Eps       float64
	ScaleOnly bool // leave out the constant term
}

// ConvBlock is a convolution and what follows it:
//
//	x, weight, [bias if Bias], [weight, bias, mean, variance if Norm.On], [residual if Residual]
//	-> relu?(residual? + norm?(conv(x, weight[:, From:To]) + bias?))
//
// To = 0 means all of the weight's input channels.
type ConvBlock struct {
	nn.Conv2D
	From, To       int
	Bias           bool
	Norm           Norm
	Residual, ReLU bool
}

// NormAt is the index of the first of the norm's four inputs.
func (c ConvBlock) NormAt() int {
	if c.Bias {
		return 3
	}
	return 2
}

// ResidualAt is the index of the residual among the inputs.
func (c ConvBlock) ResidualAt() int {
	if c.Norm.On {
		return c.NormAt() + 4
	}
	return c.NormAt()
}

// OutShape implements nn.Op.
func (c ConvBlock) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	w := in[1].Clone()
	if c.To > 0 {
		w[1] = c.To - c.From
	}
	return c.Conv2D.OutShape([]tensor.Shape{in[0], w})
}

// ConvBlockGradInput is (dy, weight, [norm weight, norm variance if Norm.On]) -> dx
// for y = norm(conv(x, weight[:, From:To])).
type ConvBlockGradInput struct {
	nn.Conv2DGradInput
	From, To int
	Norm     Norm
}

// OutShape implements nn.Op.
func (c ConvBlockGradInput) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	w := in[1].Clone()
	if c.To > 0 {
		w[1] = c.To - c.From
	}
	return c.Conv2DGradInput.OutShape([]tensor.Shape{in[0], w})
}

// ConvBlockGradWeight is (x, dy, [norm weight, norm variance if Norm.On]) -> dweight
// for y = norm(conv(x, weight)).
type ConvBlockGradWeight struct {
	nn.Conv2DGradWeight
	Norm Norm
}

// OutShape implements nn.Op.
func (c ConvBlockGradWeight) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	return c.Conv2DGradWeight.OutShape(in[:2])
}

// ResizeBlock is x, [residual if Residual] -> relu?(residual? + resize(x)).
type ResizeBlock struct {
	nn.Resize2D
	Residual, ReLU bool
}

// OutShape implements nn.Op.
func (r ResizeBlock) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	return r.Resize2D.OutShape(in[:1])
}

// NormBlock is BatchNorm by batch moments and what follows it:
//
//	x, weight, bias, moments, [residual if Residual] -> relu?(residual? + norm(x))
type NormBlock struct {
	nn.BatchNorm2D
	Residual, ReLU bool
}

// OutShape implements nn.Op.
func (n NormBlock) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	return n.BatchNorm2D.OutShape(in[:4])
}

// AddReLU is a, b -> relu(a + b).
type AddReLU struct{}

// OutShape implements nn.Op.
func (AddReLU) OutShape(in []tensor.Shape) (tensor.Shape, error) { return nn.Add{}.OutShape(in) }

// AddReLUGrad is y, a, b -> a + b where y > 0, else 0.
type AddReLUGrad struct{}

// OutShape implements nn.Op.
func (AddReLUGrad) OutShape(in []tensor.Shape) (tensor.Shape, error) { return in[0].Clone(), nil }

// Cast converts between element types (float32 to bfloat16, rounding to
// nearest even, and back); the output tensor says to which.
type Cast struct{}

// OutShape implements nn.Op.
func (Cast) OutShape(in []tensor.Shape) (tensor.Shape, error) { return in[0].Clone(), nil }

// InPlace lists the inputs whose memory the output may take, best first.
func InPlace(op nn.Op) []int {
	switch op := op.(type) {
	case ConvBlock:
		if op.Residual {
			return []int{op.ResidualAt()}
		}
	case ResizeBlock:
		if op.Residual {
			return []int{1}
		}
	case NormBlock:
		if op.Residual {
			return []int{0, 4}
		}
		return []int{0}
	case AddReLUGrad:
		return []int{1, 2, 0}
	case nn.ReLUGrad:
		return []int{1, 0}
	case nn.Add, AddReLU:
		return []int{0, 1}
	case nn.ReLU, nn.FrozenBatchNorm2D, nn.FrozenBatchNorm2DGrad, nn.BatchNorm2D:
		return []int{0}
	}
	return nil
}
