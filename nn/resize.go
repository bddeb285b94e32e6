package nn

import (
	"fmt"

	"gorgonia.org/tensor"
)

// ResizeMode is how Resize finds the value between pixels.
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

// Resize resizes x (N, H, W, C) to height x width; x itself if it has that size.
func Resize(x *Node, height, width int, mode ResizeMode) *Node {
	if s := x.Shape(); s[1] == height && s[2] == width {
		return x
	}
	return Apply(Resize2D{height, width, mode}, x)
}

// OutShape implements Op.
func (r Resize2D) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 4); err != nil {
		return nil, err
	}
	if r.Mode != Nearest && r.Mode != Bilinear {
		return nil, fmt.Errorf("mode %q, want %q or %q", r.Mode, Nearest, Bilinear)
	}
	if r.Height < 1 || r.Width < 1 {
		return nil, fmt.Errorf("size %dx%d must be positive", r.Height, r.Width)
	}
	return tensor.Shape{in[0][0], r.Height, r.Width, in[0][3]}, nil
}

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
func (r Resize2DGrad) OutShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wantDims("dy", in[0], 4); err != nil {
		return nil, err
	}
	return tensor.Shape{in[0][0], r.Height, r.Width, in[0][3]}, nil
}
