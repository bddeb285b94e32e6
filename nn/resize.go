package nn

import (
	"cmp"
	"fmt"
)

// ResizeMode is the interpolation of Resize.
type ResizeMode string

const (
	// Nearest takes the source pixel floor(i * in / out).
	Nearest ResizeMode = "nearest"
	// Bilinear interpolates with half-pixel centres (align_corners = false).
	Bilinear ResizeMode = "bilinear"
)

// Resize2D resizes rows and columns to Height x Width.
type Resize2D struct {
	Height, Width int
	Mode          ResizeMode
}

// Resize resizes x (N, H, W, C) to height x width. It returns x if x has that size.
func Resize(x *Node, height, width int, mode ResizeMode) *Node {
	if s := x.Shape(); s[1] == height && s[2] == width {
		return x
	}
	return Apply(Resize2D{height, width, mode}, x)
}

// OutShape implements Op.
func (r Resize2D) OutShape(in []Shape) (Shape, error) {
	return resizeShape("x", in, r.Height, r.Width, r.Mode)
}

// Roles implements Roler.
func (Resize2D) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// Wrt implements Differentiable.
func (r Resize2D) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (r Resize2D) Diff(in []*Node, _, grad *Node) []*Node {
	x := in[0].Shape()
	return []*Node{Apply(Resize2DGrad{x[1], x[2], r.Mode}, grad)}
}

// Resize2DGrad is dy -> dx of Height x Width, the transpose of Resize2D.
type Resize2DGrad struct {
	Height, Width int
	Mode          ResizeMode
}

// OutShape implements Op.
func (r Resize2DGrad) OutShape(in []Shape) (Shape, error) {
	return resizeShape("dy", in, r.Height, r.Width, r.Mode)
}

// Roles implements Roler.
func (Resize2DGrad) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// NoDerivative says why there is none.
func (Resize2DGrad) NoDerivative() string { return secondDerivative }

// resizeShape is the shape of a resize of the only input, called `what`.
func resizeShape(what string, in []Shape, height, width int, mode ResizeMode) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := cmp.Or(wantDims(what, in[0], 4), wantSize(height, width)); err != nil {
		return nil, err
	}
	if mode != Nearest && mode != Bilinear {
		return nil, fmt.Errorf("mode %q, want %q or %q", mode, Nearest, Bilinear)
	}
	return Shape{in[0][0], height, width, in[0][3]}, nil
}
