package nn

import (
	"cmp"

	"gorgonia.org/tensor"
)

// Sigmoid is 1 / (1 + exp(-x)).
type Sigmoid struct{}

// OutShape implements Op.
func (Sigmoid) OutShape(in []tensor.Shape) (tensor.Shape, error) { return same(in, 1) }

// Wrt implements Differentiable.
func (Sigmoid) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (Sigmoid) Diff(_ []*Node, out, grad *Node) []*Node {
	return []*Node{Apply(SigmoidGrad{}, out, grad)}
}

// SigmoidGrad is (y, dy) -> dy * y * (1 - y); y is the sigmoid's output.
type SigmoidGrad struct{}

// OutShape implements Op.
func (SigmoidGrad) OutShape(in []tensor.Shape) (tensor.Shape, error) { return same(in, 2) }

// ScaleChannels multiplies each channel of each image by a number: x (N, H, W, C),
// scale (N, 1, 1, C) -> (N, H, W, C).
type ScaleChannels struct{}

// OutShape implements Op.
func (ScaleChannels) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 4); err != nil {
		return nil, err
	}
	return in[0].Clone(), wantShape("scale", in[1], in[0][0], 1, 1, in[0][3])
}

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
func (ScaleChannelsGrad) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	x := in[0]
	if err := cmp.Or(wantDims("x", x, 4), wantShape("dy", in[1], x...)); err != nil {
		return nil, err
	}
	return tensor.Shape{x[0], 1, 1, x[3]}, nil
}
