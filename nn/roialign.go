package nn

import (
	"cmp"
	"fmt"
)

// RoIAlign samples features bilinearly on a grid of Size x Size bins per RoI:
//
//	features (N, H, W, C), rois (R, 5): image index, x1, y1, x2, y2 in image pixels
//	-> (R, Size, Size, C), each bin the mean of its Sampling x Sampling points
//
// Sampling 0 is adaptive: ceil(width / Size) x ceil(height / Size) points per bin, with width and height in feature cells. Aligned is torchvision's
// aligned=True: RoIs are shifted by half a cell and may have no area; otherwise a RoI is at least one cell wide and high. A RoI with a negative image
// index gives zeros.
type RoIAlign struct {
	Size     int
	Scale    float64 // feature cells per pixel of the model input, 1/16 for stride 16
	Sampling int
	Aligned  bool
}

// OutShape implements Op.
func (r RoIAlign) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if err := cmp.Or(wantDims("features", in[0], 4), wantDims("rois", in[1], 2)); err != nil {
		return nil, err
	}
	if r.Size < 1 || !(r.Scale > 0) || r.Sampling < 0 {
		return nil, fmt.Errorf("size %d, scale %g, sampling %d: size and scale must be positive, sampling not negative", r.Size, r.Scale, r.Sampling)
	}
	return Shape{in[1][0], r.Size, r.Size, in[0][3]}, wantShape("rois", in[1], in[1][0], 5)
}

// Roles implements Roler.
func (RoIAlign) Roles(n int) ([]Role, Role) { return Reads(n, Activation, Full), Activation }

// Wrt implements Differentiable: RoIs are constants.
func (r RoIAlign) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (r RoIAlign) Diff(in []*Node, _, grad *Node) []*Node {
	x := in[0].Shape()
	return []*Node{Apply(RoIAlignGrad{r, x[0], x[1], x[2]}, grad, in[1]), nil}
}

// RoIAlignGrad is (dy (R, Size, Size, C), rois) -> dfeatures (Images, Height, Width, C).
type RoIAlignGrad struct {
	RoIAlign              RoIAlign
	Images, Height, Width int
}

// OutShape implements Op.
func (r RoIAlignGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if err := cmp.Or(wantDims("dy", in[0], 4), wantSize(r.Height, r.Width)); err != nil {
		return nil, err
	}
	x := Shape{r.Images, r.Height, r.Width, in[0][3]}
	y, err := r.RoIAlign.OutShape([]Shape{x, in[1]})
	if err != nil {
		return nil, err
	}
	return x, wantShape("dy", in[0], y...)
}

// Roles implements Roler.
func (RoIAlignGrad) Roles(n int) ([]Role, Role) { return Reads(n, Activation, Full), Activation }

// NoDerivative says why there is none.
func (RoIAlignGrad) NoDerivative() string { return secondDerivative }
