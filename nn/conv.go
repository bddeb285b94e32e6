package nn

import (
	"cmp"
	"fmt"
)

// Conv2D is a two-dimensional convolution.
//
//	x (N, H, W, Cin), weight (Cout, Cin/Groups, K, K), bias (Cout, optional)
//	-> (N, Hout, Wout, Cout), Hout = (H + 2 Pad - Dilation (K-1) - 1) / Stride + 1
type Conv2D struct{ Stride, Pad, Dilation, Groups int }

// Conv applies a convolution; a zero Dilation or Groups counts as one, bias may be nil.
func Conv(x, weight, bias *Node, c Conv2D) *Node {
	c.Dilation, c.Groups = max(c.Dilation, 1), max(c.Groups, 1)
	if bias == nil {
		return Apply(c, x, weight)
	}
	return Apply(c, x, weight, bias)
}

// OutSide returns the height or width of the output for that of the input and of the kernel.
func (c Conv2D) OutSide(in, kernel int) int {
	return (in+2*c.Pad-c.Dilation*(kernel-1)-1)/c.Stride + 1
}

// OutShape implements Op.
func (c Conv2D) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	x, w := in[0], in[1]
	if err := cmp.Or(c.check(), wantDims("x", x, 4), wantDims("weight", w, 4)); err != nil {
		return nil, err
	}
	if w[1]*c.Groups != x[3] || w[0]%c.Groups != 0 {
		return nil, fmt.Errorf("weight %v with %d groups does not fit %d input channels", w, c.Groups, x[3])
	}
	if w[2] != w[3] || w[2] < 1 {
		return nil, fmt.Errorf("weight %v has a kernel of %dx%d, want a square", w, w[2], w[3])
	}
	if len(in) == 3 {
		if err := wantShape("bias", in[2], w[0]); err != nil {
			return nil, err
		}
	}
	if span := c.Dilation*(w[2]-1) + 1; min(x[1], x[2])+2*c.Pad < span {
		return nil, fmt.Errorf("input %dx%d with padding %d is smaller than the kernel, which spans %dx%d", x[1], x[2], c.Pad, span, span)
	}
	return Shape{x[0], c.OutSide(x[1], w[2]), c.OutSide(x[2], w[3]), w[0]}, nil
}

// Roles implements Roler.
func (Conv2D) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// check returns an error if an attribute is out of range.
func (c Conv2D) check() error {
	if c.Stride < 1 || c.Pad < 0 || c.Dilation < 1 || c.Groups < 1 {
		return fmt.Errorf("stride %d, padding %d, dilation %d, %d groups: padding must not be negative, the others must be positive",
			c.Stride, c.Pad, c.Dilation, c.Groups)
	}
	return nil
}

// Wrt implements Differentiable.
func (c Conv2D) Wrt(n int) []bool { return first(3, n) }

// Diff implements Differentiable.
func (c Conv2D) Diff(in []*Node, _, grad *Node) []*Node {
	x, w := in[0].Shape(), in[1].Shape()
	g := []*Node{
		Apply(Conv2DGradInput{Conv2D: c, Height: x[1], Width: x[2]}, grad, in[1]),
		Apply(Conv2DGradWeight{Conv2D: c, Kernel: w[2]}, in[0], grad),
	}
	if len(in) == 3 {
		g = append(g, Apply(BiasGrad{}, grad))
	}
	return g
}

// Conv2DGradInput is the gradient of a convolution with respect to its input of Height x Width: (dy, weight) -> dx.
type Conv2DGradInput struct {
	Conv2D        Conv2D
	Height, Width int
}

// OutShape implements Op.
func (c Conv2DGradInput) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	dy, w := in[0], in[1]
	if err := cmp.Or(wantDims("dy", dy, 4), wantDims("weight", w, 4)); err != nil {
		return nil, err
	}
	dx := Shape{dy[0], c.Height, c.Width, w[1] * c.Conv2D.Groups}
	y, err := c.Conv2D.OutShape([]Shape{dx, w})
	if err != nil {
		return nil, err
	}
	return dx, wantShape("dy", dy, y...)
}

// Roles implements Roler.
func (Conv2DGradInput) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// NoDerivative says why there is none.
func (Conv2DGradInput) NoDerivative() string { return secondDerivative }

// Conv2DGradWeight is the gradient of a convolution with respect to its weight of Kernel x Kernel: (x, dy) -> dw.
type Conv2DGradWeight struct {
	Conv2D Conv2D
	Kernel int
}

// OutShape implements Op.
func (c Conv2DGradWeight) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	x, dy := in[0], in[1]
	if err := cmp.Or(c.Conv2D.check(), wantDims("x", x, 4), wantDims("dy", dy, 4)); err != nil {
		return nil, err
	}
	dw := Shape{dy[3], x[3] / c.Conv2D.Groups, c.Kernel, c.Kernel}
	y, err := c.Conv2D.OutShape([]Shape{x, dw})
	if err != nil {
		return nil, err
	}
	return dw, wantShape("dy", dy, y...)
}

// Roles implements Roler.
func (Conv2DGradWeight) Roles(n int) ([]Role, Role) { return Reads(n, Activation, Activation), Full }

// NoDerivative says why there is none.
func (Conv2DGradWeight) NoDerivative() string { return secondDerivative }

// BiasGrad sums all but the last dimension: dy (..., C) -> (C).
type BiasGrad struct{}

// OutShape implements Op.
func (BiasGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	c, err := channels("dy", in[0])
	return Shape{c}, err
}

// Roles implements Roler.
func (BiasGrad) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Full }

// NoDerivative says why there is none.
func (BiasGrad) NoDerivative() string { return secondDerivative }

// Linear is x (N, in) by weight (out, in) plus bias (out, optional) -> (N, out).
type Linear struct{}

// FullyConnected applies a linear layer; bias may be nil.
func FullyConnected(x, weight, bias *Node) *Node {
	if bias == nil {
		return Apply(Linear{}, x, weight)
	}
	return Apply(Linear{}, x, weight, bias)
}

// OutShape implements Op.
func (Linear) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	if err := cmp.Or(wantDims("x", in[0], 2), wantDims("weight", in[1], 2)); err != nil {
		return nil, err
	}
	if err := wantShape("weight", in[1], in[1][0], in[0][1]); err != nil {
		return nil, err
	}
	if len(in) == 3 {
		if err := wantShape("bias", in[2], in[1][0]); err != nil {
			return nil, err
		}
	}
	return Shape{in[0][0], in[1][0]}, nil
}

// Roles implements Roler.
func (Linear) Roles(n int) ([]Role, Role) { return Reads(n, Full), Full }

// Wrt implements Differentiable.
func (Linear) Wrt(n int) []bool { return first(3, n) }

// Diff implements Differentiable.
func (Linear) Diff(in []*Node, _, grad *Node) []*Node {
	g := []*Node{Apply(LinearGradInput{}, grad, in[1]), Apply(LinearGradWeight{}, in[0], grad)}
	if len(in) == 3 {
		g = append(g, Apply(BiasGrad{}, grad))
	}
	return g
}

// LinearGradInput is (dy (N, out), weight (out, in)) -> dx (N, in).
type LinearGradInput struct{}

// OutShape implements Op.
func (LinearGradInput) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	dy, w := in[0], in[1]
	if err := cmp.Or(wantDims("dy", dy, 2), wantDims("weight", w, 2)); err != nil {
		return nil, err
	}
	return Shape{dy[0], w[1]}, wantShape("dy", dy, dy[0], w[0])
}

// Roles implements Roler.
func (LinearGradInput) Roles(n int) ([]Role, Role) { return Reads(n, Full), Full }

// NoDerivative says why there is none.
func (LinearGradInput) NoDerivative() string { return secondDerivative }

// LinearGradWeight is (x (N, in), dy (N, out)) -> dw (out, in).
type LinearGradWeight struct{}

// OutShape implements Op.
func (LinearGradWeight) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	x, dy := in[0], in[1]
	if err := cmp.Or(wantDims("x", x, 2), wantDims("dy", dy, 2)); err != nil {
		return nil, err
	}
	return Shape{dy[1], x[1]}, wantShape("dy", dy, x[0], dy[1])
}

// Roles implements Roler.
func (LinearGradWeight) Roles(n int) ([]Role, Role) { return Reads(n, Full, Full), Full }

// NoDerivative says why there is none.
func (LinearGradWeight) NoDerivative() string { return secondDerivative }
