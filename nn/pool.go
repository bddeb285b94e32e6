package nn

import (
	"cmp"
	"fmt"
)

// MaxPool2D takes the largest value of each Kernel x Kernel window; the
// padding never wins, the first of equal values gets the gradient (as in
// PyTorch). Sides round down; with Ceil they round up, to a last window that
// reaches over the edge but begins within the input or the padding before it.
type MaxPool2D struct {
	Kernel, Stride, Pad int
	Ceil                bool
}

// MaxPool applies max pooling to x (N, H, W, C).
func MaxPool(x *Node, kernel, stride, pad int) *Node {
	return Apply(MaxPool2D{Kernel: kernel, Stride: stride, Pad: pad}, x)
}

// OutSide is the length of a side of the result for an input side.
func (p MaxPool2D) OutSide(in int) int {
	if !p.Ceil {
		return poolSide(in, p.Kernel, p.Stride, p.Pad)
	}
	out := poolSide(in+p.Stride-1, p.Kernel, p.Stride, p.Pad)
	if (out-1)*p.Stride >= in+p.Pad {
		out--
	}
	return out
}

// OutShape implements Op.
func (p MaxPool2D) OutShape(in []Shape) (Shape, error) {
	return poolShape(in, p.Kernel, p.Stride, p.Pad, p.OutSide)
}

// Roles implements Roler.
func (MaxPool2D) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// Wrt implements Differentiable.
func (p MaxPool2D) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (p MaxPool2D) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(MaxPool2DGrad{p}, in[0], grad)}
}

// MaxPool2DGrad is (x, dy) -> dx.
type MaxPool2DGrad struct{ MaxPool2D MaxPool2D }

// OutShape implements Op.
func (p MaxPool2DGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	y, err := p.MaxPool2D.OutShape(in[:1])
	if err != nil {
		return nil, err
	}
	return in[0].Clone(), wantShape("dy", in[1], y...)
}

// Roles implements Roler.
func (MaxPool2DGrad) Roles(n int) ([]Role, Role) { return Reads(n, Activation, Activation), Activation }

// NoDerivative says why there is none.
func (MaxPool2DGrad) NoDerivative() string { return secondDerivative }

// AvgPool2D takes the mean of each Kernel x Kernel window; padding counts as
// zeros (PyTorch's count_include_pad). Height and width of the output are rounded down.
type AvgPool2D struct{ Kernel, Stride, Pad int }

// AvgPool applies average pooling to x (N, H, W, C).
func AvgPool(x *Node, kernel, stride, pad int) *Node { return Apply(AvgPool2D{kernel, stride, pad}, x) }

// OutShape implements Op.
func (p AvgPool2D) OutShape(in []Shape) (Shape, error) {
	return poolShape(in, p.Kernel, p.Stride, p.Pad, p.OutSide)
}

// Roles implements Roler.
func (AvgPool2D) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// OutSide returns the height or width of the output for that of the input.
func (p AvgPool2D) OutSide(in int) int { return poolSide(in, p.Kernel, p.Stride, p.Pad) }

// Wrt implements Differentiable.
func (p AvgPool2D) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (p AvgPool2D) Diff(in []*Node, _, grad *Node) []*Node {
	x := in[0].Shape()
	return []*Node{Apply(AvgPool2DGrad{p, x[1], x[2]}, grad)}
}

// AvgPool2DGrad is dy -> dx of Height x Width.
type AvgPool2DGrad struct {
	AvgPool2D     AvgPool2D
	Height, Width int
}

// OutShape implements Op.
func (p AvgPool2DGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantDims("dy", in[0], 4); err != nil {
		return nil, err
	}
	dx := Shape{in[0][0], p.Height, p.Width, in[0][3]}
	y, err := p.AvgPool2D.OutShape([]Shape{dx})
	if err != nil {
		return nil, err
	}
	return dx, wantShape("dy", in[0], y...)
}

// Roles implements Roler.
func (AvgPool2DGrad) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// NoDerivative says why there is none.
func (AvgPool2DGrad) NoDerivative() string { return secondDerivative }

// GlobalAvgPool2D is the mean over rows and columns: (N, H, W, C) -> (N, C).
type GlobalAvgPool2D struct{}

// GlobalAvgPool applies global average pooling.
func GlobalAvgPool(x *Node) *Node { return Apply(GlobalAvgPool2D{}, x) }

// OutShape implements Op.
func (GlobalAvgPool2D) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 4); err != nil {
		return nil, err
	}
	return Shape{in[0][0], in[0][3]}, nil
}

// Roles implements Roler.
func (GlobalAvgPool2D) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Full }

// Wrt implements Differentiable.
func (GlobalAvgPool2D) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (GlobalAvgPool2D) Diff(in []*Node, _, grad *Node) []*Node {
	x := in[0].Shape()
	return []*Node{Apply(GlobalAvgPool2DGrad{x[1], x[2]}, grad)}
}

// GlobalAvgPool2DGrad spreads dy (N, C) evenly over (N, Height, Width, C).
type GlobalAvgPool2DGrad struct{ Height, Width int }

// OutShape implements Op.
func (p GlobalAvgPool2DGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := cmp.Or(wantDims("dy", in[0], 2), wantSize(p.Height, p.Width)); err != nil {
		return nil, err
	}
	return Shape{in[0][0], p.Height, p.Width, in[0][1]}, nil
}

// Roles implements Roler.
func (GlobalAvgPool2DGrad) Roles(n int) ([]Role, Role) { return Reads(n, Full), Activation }

// NoDerivative says why there is none.
func (GlobalAvgPool2DGrad) NoDerivative() string { return secondDerivative }

// poolSide returns the height or width of the output, rounded down; below 1 if the input is smaller than the window.
func poolSide(in, kernel, stride, pad int) int { return (in + 2*pad - kernel + stride) / stride }

func poolShape(in []Shape, kernel, stride, pad int, side func(in int) int) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	x := in[0]
	if err := wantDims("x", x, 4); err != nil {
		return nil, err
	}
	if kernel < 1 || stride < 1 || pad < 0 || 2*pad > kernel {
		return nil, fmt.Errorf("kernel %d, stride %d, padding %d: padding must be at most half the kernel", kernel, stride, pad)
	}
	h, w := side(x[1]), side(x[2])
	if h < 1 || w < 1 {
		return nil, fmt.Errorf("input %dx%d is smaller than the %dx%d window", x[1], x[2], kernel, kernel)
	}
	return Shape{x[0], h, w, x[3]}, nil
}
