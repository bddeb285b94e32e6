package engine

import (
	"cmp"
	"fmt"
	"slices"

	"gorgonia.org/tensor"
	"scalenet/nn"
)

// The operations below are what fusion makes of chains of nn operations. Each
// documents the chain it equals; optional inputs come in the order listed. They
// hold the operations they are made of in fields and have no derivative.

// Norm is a frozen BatchNorm folded into its neighbour.
type Norm struct {
	On        bool
	Eps       float64
	ScaleOnly bool // leave out the constant term
}

// Block is the block below that equals an operation with so many inputs, ok if
// there is one: devices have kernels for blocks and need none for those.
func Block(op nn.Op, inputs int) (block nn.Op, ok bool) {
	switch op := op.(type) {
	case nn.Conv2D:
		return ConvBlock{Conv2D: op, Bias: inputs == 3}, true
	case nn.Conv2DGradInput:
		return ConvBlockGradInput{Conv2DGradInput: op}, true
	case nn.Conv2DGradWeight:
		return ConvBlockGradWeight{Conv2DGradWeight: op}, true
	case nn.BatchNorm2D:
		return NormBlock{BatchNorm2D: op}, true
	case nn.Resize2D:
		return ResizeBlock{Resize2D: op}, true
	case nn.ScaleChannels:
		return ScaleBlock{}, true
	}
	return op, false
}

// ConvBlock is a convolution and what follows it:
//
//	x, weight, [bias if Bias], [weight, bias, mean, variance if Norm.On], [residual if Residual]
//	-> relu?(residual? + norm?(conv(x, weight[:, From:To]) + bias?))
//
// To = 0 means all of the weight's input channels.
type ConvBlock struct {
	Conv2D         nn.Conv2D
	From, To       int
	Bias           bool
	Norm           Norm
	Residual, ReLU bool
}

// NormAt is the index of the first of the norm's four inputs.
func (c ConvBlock) NormAt() int { return 2 + count(c.Bias, 1) }

// ResidualAt is the index of the residual among the inputs.
func (c ConvBlock) ResidualAt() int { return c.NormAt() + count(c.Norm.On, 4) }

// OutShape implements nn.Op.
func (c ConvBlock) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, c.ResidualAt()+count(c.Residual, 1)); err != nil {
		return nil, err
	}
	w, err := part(in[1], c.From, c.To, c.Conv2D.Groups)
	if err != nil {
		return nil, err
	}
	y, err := c.Conv2D.OutShape(append([]tensor.Shape{in[0], w}, in[2:c.NormAt()]...))
	if err != nil {
		return nil, err
	}
	for i, s := range in[c.NormAt():c.ResidualAt()] {
		if err := wantShape([]string{"norm weight", "norm bias", "mean", "variance"}[i], s, w[0]); err != nil {
			return nil, err
		}
	}
	return y, wantResidual(in[c.ResidualAt():], y)
}

// ConvBlockGradInput is (dy, weight, [norm weight, norm variance if Norm.On]) -> dx
// for y = norm(conv(x, weight[:, From:To])).
type ConvBlockGradInput struct {
	Conv2DGradInput nn.Conv2DGradInput
	From, To        int
	Norm            Norm
}

// OutShape implements nn.Op.
func (c ConvBlockGradInput) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 2+count(c.Norm.On, 2)); err != nil {
		return nil, err
	}
	w, err := part(in[1], c.From, c.To, c.Conv2DGradInput.Conv2D.Groups)
	if err != nil {
		return nil, err
	}
	dx, err := c.Conv2DGradInput.OutShape([]tensor.Shape{in[0], w})
	if err != nil {
		return nil, err
	}
	return dx, wantScale(in[2:], w[0])
}

// ConvBlockGradWeight is (x, dy, [norm weight, norm variance if Norm.On]) -> dweight
// for y = norm(conv(x, weight)).
type ConvBlockGradWeight struct {
	Conv2DGradWeight nn.Conv2DGradWeight
	Norm             Norm
}

// OutShape implements nn.Op.
func (c ConvBlockGradWeight) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 2+count(c.Norm.On, 2)); err != nil {
		return nil, err
	}
	dw, err := c.Conv2DGradWeight.OutShape(in[:2])
	if err != nil {
		return nil, err
	}
	return dw, wantScale(in[2:], dw[0])
}

// ResizeBlock is a sum of inputs that are each resized, from sizes of their own,
// and what follows it:
//
//	x, [More further inputs], [residual if Residual] -> relu?(residual? + resize(x) + ...)
type ResizeBlock struct {
	Resize2D       nn.Resize2D
	More           int
	Residual, ReLU bool
}

// ResidualAt is the index of the residual among the inputs.
func (r ResizeBlock) ResidualAt() int { return 1 + r.More }

// OutShape implements nn.Op.
func (r ResizeBlock) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, r.ResidualAt()+count(r.Residual, 1)); err != nil {
		return nil, err
	}
	y, err := r.Resize2D.OutShape(in[:1])
	for _, x := range in[1:r.ResidualAt()] {
		more, moreErr := r.Resize2D.OutShape([]tensor.Shape{x})
		err = cmp.Or(err, moreErr)
		if err == nil && !slices.Equal(more, y) {
			err = fmt.Errorf("%v resized is %v, the first input is %v", x, more, y)
		}
	}
	return y, cmp.Or(err, wantResidual(in[r.ResidualAt():], y))
}

// NormBlock is BatchNorm by batch moments and what follows it:
//
//	x, weight, bias, moments, [residual if Residual] -> relu?(residual? + norm(x))
type NormBlock struct {
	BatchNorm2D    nn.BatchNorm2D
	Residual, ReLU bool
}

// OutShape implements nn.Op.
func (n NormBlock) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 4+count(n.Residual, 1)); err != nil {
		return nil, err
	}
	y, err := n.BatchNorm2D.OutShape(in[:4])
	return y, cmp.Or(err, wantResidual(in[4:], y))
}

// FrozenNormReLU is x, weight, bias, mean, variance -> relu(norm(x)): the
// pre-activation of a convolution, where no convolution before it takes in the norm.
type FrozenNormReLU struct{ FrozenBatchNorm2D nn.FrozenBatchNorm2D }

// OutShape implements nn.Op.
func (n FrozenNormReLU) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	return n.FrozenBatchNorm2D.OutShape(in)
}

// ScaleBlock is a scaling of channels and what follows it:
//
//	x, scale, [residual if Residual] -> relu?(residual? + x * scale)
type ScaleBlock struct{ Residual, ReLU bool }

// OutShape implements nn.Op.
func (b ScaleBlock) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 2+count(b.Residual, 1)); err != nil {
		return nil, err
	}
	y, err := nn.ScaleChannels{}.OutShape(in[:2])
	return y, cmp.Or(err, wantResidual(in[2:], y))
}

// AddReLU is a, b -> relu(a + b).
type AddReLU struct{}

// OutShape implements nn.Op.
func (AddReLU) OutShape(in []tensor.Shape) (tensor.Shape, error) { return nn.Add{}.OutShape(in) }

// AddReLUGrad is y, a, b -> a + b where y > 0, else 0.
type AddReLUGrad struct{}

// OutShape implements nn.Op.
func (AddReLUGrad) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 3); err != nil {
		return nil, err
	}
	return in[0].Clone(), cmp.Or(wantShape("a", in[1], in[0]...), wantShape("b", in[2], in[0]...))
}

// Cast converts between element types (float32 to bfloat16, rounding to
// nearest even, and back); the output tensor says to which.
type Cast struct{}

// OutShape implements nn.Op.
func (Cast) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 1); err != nil {
		return nil, err
	}
	return in[0].Clone(), nil
}

// part is the shape of weight[:, from:to]; to = 0 means all of it.
func part(weight tensor.Shape, from, to, groups int) (tensor.Shape, error) {
	if from == 0 && to == 0 {
		return weight, nil
	}
	if len(weight) != 4 || from < 0 || from >= to || to > weight[1] || groups != 1 {
		return nil, fmt.Errorf("channels [%d, %d) of weight %v in %d groups", from, to, weight, groups)
	}
	w := weight.Clone()
	w[1] = to - from
	return w, nil
}

// count is n for something optional that is there.
func count(on bool, n int) int {
	if on {
		return n
	}
	return 0
}

func wantInputs(in []tensor.Shape, n int) error {
	if len(in) != n {
		return fmt.Errorf("%d inputs, want %d", len(in), n)
	}
	return nil
}

func wantShape(what string, s tensor.Shape, want ...int) error {
	if !slices.Equal(s, want) {
		return fmt.Errorf("%s has shape %v, want %v", what, s, tensor.Shape(want))
	}
	return nil
}

// wantResidual checks the residual, if there is one.
func wantResidual(residual []tensor.Shape, y tensor.Shape) error {
	for _, s := range residual {
		return wantShape("residual", s, y...)
	}
	return nil
}

// wantScale checks a folded norm's weight and variance, if there are any.
func wantScale(norm []tensor.Shape, channels int) error {
	for i, s := range norm {
		if err := wantShape([]string{"norm weight", "variance"}[i], s, channels); err != nil {
			return err
		}
	}
	return nil
}

// InPlace lists the inputs whose memory the output may take, best first.
func InPlace(op nn.Op) []int {
	switch op := op.(type) {
	case ConvBlock:
		if op.Residual {
			return []int{op.ResidualAt()}
		}
	case ResizeBlock:
		if op.Residual {
			return []int{op.ResidualAt()}
		}
	case NormBlock:
		if op.Residual {
			return []int{0, 4}
		}
		return []int{0}
	case ScaleBlock:
		if op.Residual {
			return []int{0, 2}
		}
		return []int{0}
	case AddReLUGrad:
		return []int{1, 2, 0}
	case nn.ReLUGrad, nn.SigmoidGrad:
		return []int{1, 0}
	case nn.Add, AddReLU:
		return []int{0, 1}
	case nn.ReLU, nn.Sigmoid, nn.ScaleChannels, nn.FrozenBatchNorm2D, FrozenNormReLU, nn.FrozenBatchNorm2DGrad, nn.BatchNorm2D:
		return []int{0}
	}
	return nil
}
