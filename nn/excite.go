package nn

import (
	"cmp"
)

// Sigmoid is 1 / (1 + exp(-x)).
type Sigmoid struct{}

// OutShape implements Op.
func (Sigmoid) OutShape(in []Shape) (Shape, error) { return same(in, 1) }

// InPlace implements InPlacer.
func (Sigmoid) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (Sigmoid) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (Sigmoid) Diff(_ []*Node, out, grad *Node) []*Node {
	return []*Node{Apply(SigmoidGrad{}, out, grad)}
}

// SigmoidGrad is (y, dy) -> dy * y * (1 - y); y is the sigmoid's output.
type SigmoidGrad struct{}

// OutShape implements Op.
func (SigmoidGrad) OutShape(in []Shape) (Shape, error) { return same(in, 2) }

// InPlace implements InPlacer.
func (SigmoidGrad) InPlace() []int { return []int{1, 0} }

// NoDerivative says why there is none.
func (SigmoidGrad) NoDerivative() string { return secondDerivative }

// ScaleChannels multiplies each channel of each image by a number: x (N, H, W, C),
// scale (N, 1, 1, C) -> (N, H, W, C).
type ScaleChannels struct{}

// OutShape implements Op.
func (ScaleChannels) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 4); err != nil {
		return nil, err
	}
	return in[0].Clone(), wantShape("scale", in[1], in[0][0], 1, 1, in[0][3])
}

// Roles implements Roler.
func (ScaleChannels) Roles(n int) ([]Role, Role) { return Reads(n, Activation, Activation), Activation }

// InPlace implements InPlacer.
func (ScaleChannels) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (ScaleChannels) Wrt(n int) []bool { return first(2, n) }

// Diff implements Differentiable.
func (ScaleChannels) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(ScaleChannels{}, grad, in[1]), Apply(ScaleChannelsGrad{}, in[0], grad)}
}

// ScaleChannelsGrad is the gradient by the scale: (x, dy) -> (N, 1, 1, C), the
// sums of x * dy over rows and columns.
type ScaleChannelsGrad struct{}

// OutShape implements Op.
func (ScaleChannelsGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	x := in[0]
	if err := cmp.Or(wantDims("x", x, 4), wantShape("dy", in[1], x...)); err != nil {
		return nil, err
	}
	return Shape{x[0], 1, 1, x[3]}, nil
}

// Roles implements Roler.
func (ScaleChannelsGrad) Roles(n int) ([]Role, Role) {
	return Reads(n, Activation, Activation), Activation
}

// NoDerivative says why there is none.
func (ScaleChannelsGrad) NoDerivative() string { return secondDerivative }
