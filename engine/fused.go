package engine

import (
	"cmp"
	"fmt"
	"slices"

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

// Activation is the function that ends a ConvBlock; empty for none.
type Activation string

// The activations.
const (
	ReLU      Activation = "relu"
	HardSwish Activation = "hardswish"
)

// activationOf is the activation that an operation computes, empty if it is none.
func activationOf(op nn.Op) Activation {
	switch op.(type) {
	case nn.ReLU:
		return ReLU
	case nn.HardSwish:
		return HardSwish
	}
	return ""
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
//	-> activation?(residual? + norm?(conv(x, weight[:, From:To]) + bias?))
//
// To = 0 means all of the weight's input channels.
type ConvBlock struct {
	Conv2D     nn.Conv2D
	From, To   int
	Bias       bool
	Norm       Norm
	Residual   bool
	Activation Activation
	Images     int // the number of images that a device chooses an algorithm for; 0 for as many as x has
}

// NormAt is the index of the first of the norm's four inputs.
func (c ConvBlock) NormAt() int { return 2 + count(c.Bias, 1) }

// ResidualAt is the index of the residual among the inputs.
func (c ConvBlock) ResidualAt() int { return c.NormAt() + count(c.Norm.On, 4) }

// OutShape implements nn.Op.
func (c ConvBlock) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, c.ResidualAt()+count(c.Residual, 1)); err != nil {
		return nil, err
	}
	if c.Activation != "" && c.Activation != ReLU && c.Activation != HardSwish {
		return nil, fmt.Errorf("activation %q", c.Activation)
	}
	w, err := part(in[1], c.From, c.To, c.Conv2D.Groups)
	if err != nil {
		return nil, err
	}
	y, err := c.Conv2D.OutShape(append([]nn.Shape{in[0], w}, in[2:c.NormAt()]...))
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

// Roles implements nn.Roler.
func (c ConvBlock) Roles(n int) ([]nn.Role, nn.Role) {
	return activationIf(nn.Reads(n, nn.Activation), c.Residual, c.ResidualAt()), nn.Activation
}

// InPlace implements nn.InPlacer.
func (c ConvBlock) InPlace() []int { return indexIf(c.Residual, c.ResidualAt()) }

// ConvBlockGradInput is (dy, weight, [norm weight, norm variance if Norm.On]) -> dx
// for y = norm(conv(x, weight[:, From:To])).
type ConvBlockGradInput struct {
	Conv2DGradInput nn.Conv2DGradInput
	From, To        int
	Norm            Norm
}

// OutShape implements nn.Op.
func (c ConvBlockGradInput) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, 2+count(c.Norm.On, 2)); err != nil {
		return nil, err
	}
	w, err := part(in[1], c.From, c.To, c.Conv2DGradInput.Conv2D.Groups)
	if err != nil {
		return nil, err
	}
	dx, err := c.Conv2DGradInput.OutShape([]nn.Shape{in[0], w})
	if err != nil {
		return nil, err
	}
	return dx, wantScale(in[2:], w[0])
}

// Roles implements nn.Roler.
func (ConvBlockGradInput) Roles(n int) ([]nn.Role, nn.Role) {
	return nn.Reads(n, nn.Activation), nn.Activation
}

// ConvBlockGradWeight is (x, dy, [norm weight, norm variance if Norm.On]) -> dweight
// for y = norm(conv(x, weight)).
type ConvBlockGradWeight struct {
	Conv2DGradWeight nn.Conv2DGradWeight
	Norm             Norm
}

// OutShape implements nn.Op.
func (c ConvBlockGradWeight) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, 2+count(c.Norm.On, 2)); err != nil {
		return nil, err
	}
	dw, err := c.Conv2DGradWeight.OutShape(in[:2])
	if err != nil {
		return nil, err
	}
	return dw, wantScale(in[2:], dw[0])
}

// Roles implements nn.Roler.
func (ConvBlockGradWeight) Roles(n int) ([]nn.Role, nn.Role) {
	return nn.Reads(n, nn.Activation, nn.Activation), nn.Full
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
func (r ResizeBlock) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, r.ResidualAt()+count(r.Residual, 1)); err != nil {
		return nil, err
	}
	y, err := r.Resize2D.OutShape(in[:1])
	for _, x := range in[1:r.ResidualAt()] {
		more, moreErr := r.Resize2D.OutShape([]nn.Shape{x})
		err = cmp.Or(err, moreErr)
		if err == nil && !slices.Equal(more, y) {
			err = fmt.Errorf("%v resized is %v, the first input is %v", x, more, y)
		}
	}
	return y, cmp.Or(err, wantResidual(in[r.ResidualAt():], y))
}

// Roles implements nn.Roler.
func (r ResizeBlock) Roles(n int) ([]nn.Role, nn.Role) {
	in := make([]nn.Role, n)
	for i := range in {
		in[i] = nn.Activation
	}
	return in, nn.Activation
}

// InPlace implements nn.InPlacer.
func (r ResizeBlock) InPlace() []int { return indexIf(r.Residual, r.ResidualAt()) }

// NormBlock is BatchNorm by batch moments and what follows it:
//
//	x, weight, bias, moments, [residual if Residual] -> relu?(residual? + norm(x))
type NormBlock struct {
	BatchNorm2D    nn.BatchNorm2D
	Residual, ReLU bool
}

// OutShape implements nn.Op.
func (n NormBlock) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, 4+count(n.Residual, 1)); err != nil {
		return nil, err
	}
	y, err := n.BatchNorm2D.OutShape(in[:4])
	return y, cmp.Or(err, wantResidual(in[4:], y))
}

// Roles implements nn.Roler.
func (n NormBlock) Roles(inputs int) ([]nn.Role, nn.Role) {
	in, out := n.BatchNorm2D.Roles(inputs)
	return activationIf(in, n.Residual, 4), out
}

// InPlace implements nn.InPlacer.
func (n NormBlock) InPlace() []int { return append([]int{0}, indexIf(n.Residual, 4)...) }

// FrozenNormReLU is x, weight, bias, mean, variance -> relu(norm(x)): the
// pre-activation of a convolution, where no convolution before it takes in the norm.
type FrozenNormReLU struct{ FrozenBatchNorm2D nn.FrozenBatchNorm2D }

// OutShape implements nn.Op.
func (n FrozenNormReLU) OutShape(in []nn.Shape) (nn.Shape, error) {
	return n.FrozenBatchNorm2D.OutShape(in)
}

// Roles implements nn.Roler.
func (n FrozenNormReLU) Roles(inputs int) ([]nn.Role, nn.Role) {
	return n.FrozenBatchNorm2D.Roles(inputs)
}

// InPlace implements nn.InPlacer.
func (FrozenNormReLU) InPlace() []int { return []int{0} }

// ScaleBlock is a scaling of channels and what follows it:
//
//	x, scale, [residual if Residual] -> relu?(residual? + x * scale)
type ScaleBlock struct{ Residual, ReLU bool }

// OutShape implements nn.Op.
func (b ScaleBlock) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, 2+count(b.Residual, 1)); err != nil {
		return nil, err
	}
	y, err := nn.ScaleChannels{}.OutShape(in[:2])
	return y, cmp.Or(err, wantResidual(in[2:], y))
}

// Roles implements nn.Roler.
func (b ScaleBlock) Roles(n int) ([]nn.Role, nn.Role) {
	in, out := nn.ScaleChannels{}.Roles(n)
	return activationIf(in, b.Residual, 2), out
}

// InPlace implements nn.InPlacer.
func (b ScaleBlock) InPlace() []int { return append([]int{0}, indexIf(b.Residual, 2)...) }

// AddReLU is a, b -> relu(a + b).
type AddReLU struct{}

// OutShape implements nn.Op.
func (AddReLU) OutShape(in []nn.Shape) (nn.Shape, error) { return nn.Add{}.OutShape(in) }

// InPlace implements nn.InPlacer.
func (AddReLU) InPlace() []int { return []int{0, 1} }

// AddReLUGrad is y, a, b -> a + b where y > 0, else 0.
type AddReLUGrad struct{}

// OutShape implements nn.Op.
func (AddReLUGrad) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, 3); err != nil {
		return nil, err
	}
	return in[0].Clone(), cmp.Or(wantShape("a", in[1], in[0]...), wantShape("b", in[2], in[0]...))
}

// InPlace implements nn.InPlacer.
func (AddReLUGrad) InPlace() []int { return []int{1, 2, 0} }

// Cast converts between element types (float32 to bfloat16, rounding to
// nearest even, and back); the output tensor says to which.
type Cast struct{}

// OutShape implements nn.Op.
func (Cast) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := wantInputs(in, 1); err != nil {
		return nil, err
	}
	return in[0].Clone(), nil
}

// part is the shape of weight[:, from:to]; to = 0 means all of it.
func part(weight nn.Shape, from, to, groups int) (nn.Shape, error) {
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

// activationIf sets the role of an input that is there.
func activationIf(in []nn.Role, on bool, i int) []nn.Role {
	if on && i < len(in) {
		in[i] = nn.Activation
	}
	return in
}

// indexIf is the index of an input that is there.
func indexIf(on bool, i int) []int {
	if on {
		return []int{i}
	}
	return nil
}

// count is n for something optional that is there.
func count(on bool, n int) int {
	if on {
		return n
	}
	return 0
}

func wantInputs(in []nn.Shape, n int) error {
	if len(in) != n {
		return fmt.Errorf("%d inputs, want %d", len(in), n)
	}
	return nil
}

func wantShape(what string, s nn.Shape, want ...int) error {
	if !slices.Equal(s, want) {
		return fmt.Errorf("%s has shape %v, want %v", what, s, nn.Shape(want))
	}
	return nil
}

// wantResidual checks the residual, if there is one.
func wantResidual(residual []nn.Shape, y nn.Shape) error {
	for _, s := range residual {
		return wantShape("residual", s, y...)
	}
	return nil
}

// wantScale checks a folded norm's weight and variance, if there are any.
func wantScale(norm []nn.Shape, channels int) error {
	for i, s := range norm {
		if err := wantShape([]string{"norm weight", "variance"}[i], s, channels); err != nil {
			return err
		}
	}
	return nil
}

// InPlace lists the inputs whose memory the output may take, best first.
func InPlace(op nn.Op) []int {
	if o, ok := op.(nn.InPlacer); ok {
		return o.InPlace()
	}
	return nil
}
