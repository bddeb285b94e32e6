package nn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// RoIAlign samples features bilinearly on a grid of Size x Size bins per RoI:
//
//	features (N, H, W, C) of each level, from fine to coarse, then rois (R, 5): image index, x1, y1, x2, y2 in image pixels
//	-> (R, Size, Size, C), each bin the mean of its Sampling x Sampling points
//
// With several levels, Mapper chooses the level of each RoI. Sampling 0 is adaptive: ceil(width / Size) x ceil(height / Size) points per bin, with
// width and height in feature cells. Aligned is torchvision's aligned=True: RoIs are shifted by half a cell and may have no area; otherwise a RoI is at
// least one cell wide and high. A RoI with a negative image index gives zeros. Points says where the points are.
type RoIAlign struct {
	Size     int
	Scale    float64 // feature cells of the first level per pixel of the model input, 1/16 for stride 16; each further level has half of it
	Sampling int
	Aligned  bool
	Points   RoIPoints
	Mapper   LevelMapper // unused with one level
}

// RoIPoints is where RoIAlign samples, and what a point near the border of the features is.
type RoIPoints string

// The kinds of points. Those of jwyang's detector are one a bin, the first and the last on the borders of the RoI. They need a Size of at least 2, and
// neither Sampling nor Aligned.
const (
	// BinPoints are a grid within each bin: torchvision. Up to a cell outside the features, a point has the value of the border.
	BinPoints RoIPoints = ""
	// JwyangAlign are the points of roi_align_kernel.cu, for a RoI that is one cell wider and higher. Outside the features, from 0 to their side, a point is
	// 0. In their last cell it continues the line through the last two pixels.
	JwyangAlign RoIPoints = "jwyang-align"
	// JwyangCrop are the points of _affine_grid_gen. The features are surrounded by zeros.
	JwyangCrop RoIPoints = "jwyang-crop"
)

// Kind is the number of the kind of points in kernels: 0, 1, 2 in the order of the constants; -1 if there is no such kind.
func (p RoIPoints) Kind() int {
	return slices.Index([]RoIPoints{BinPoints, JwyangAlign, JwyangCrop}, p)
}

// LevelMapper gives each RoI a level of a feature pyramid by its area (equation 1 of the FPN paper, torchvision's LevelMapper):
//
//	k = floor(Level + log2(sqrt(area) / Size)), at least the first and at most the last level
//
// where level k has stride 2^k. Formula is how the quotient is rounded.
type LevelMapper struct {
	Size    float64 // canonical size in pixels of the model input; 224
	Level   int     // canonical level; 4
	Formula LevelFormula
}

// LevelFormula is how a detector computes the level of a RoI in float32. The formulas differ for RoIs between two levels.
type LevelFormula string

// The formulas of published detectors.
const (
	// TorchvisionLevels adds 1e-6 to the logarithm.
	TorchvisionLevels LevelFormula = "torchvision"
	// Detectron2Levels adds 1e-8 to the quotient.
	Detectron2Levels LevelFormula = "detectron2"
	// MMDetectionLevels adds 1e-6 to the quotient by the canonical size of the finest level.
	MMDetectionLevels LevelFormula = "mmdetection"
)

// level returns k for a float32 area, before it is limited; finest is the first level.
func (m LevelMapper) level(area float32, finest int) float64 {
	log2 := func(v float32) float32 { return float32(math.Log2(float64(v))) }
	side := float32(math.Sqrt(float64(area)))
	switch m.Formula {
	case Detectron2Levels:
		return math.Floor(float64(float32(m.Level) + log2(side/float32(m.Size)+1e-8)))
	case MMDetectionLevels:
		return float64(finest) + math.Floor(float64(log2(side/float32(m.Size*math.Exp2(float64(finest-m.Level)))+1e-6)))
	}
	return math.Floor(float64(float32(m.Level) + log2(side/float32(m.Size)) + 1e-6))
}

// Areas returns the areas [low, high) in square pixels of the RoIs that level i of n levels gets, in float32. The first level also gets RoIs whose area
// is negative or NaN: its low is 0. Every device compares with these values, so that all give a RoI the same level.
func (r RoIAlign) Areas(i, n int) (low, high float32) {
	finest := int(math.Round(-math.Log2(r.Scale)))
	// from returns the smallest area of a level: bit patterns of positive float32 are in the order of their values.
	from := func(level int) float32 {
		lowest, end := uint32(0), math.Float32bits(float32(math.Inf(1)))
		for lowest < end {
			middle := lowest + (end-lowest)/2
			if r.Mapper.level(math.Float32frombits(middle), finest) >= float64(level) {
				end = middle
			} else {
				lowest = middle + 1
			}
		}
		return math.Float32frombits(end)
	}
	high = float32(math.Inf(1))
	if i > 0 {
		low = from(finest + i)
	}
	if i < n-1 {
		high = from(finest + i + 1)
	}
	return low, high
}

// OnLevel reports whether a RoI is on the level that has areas [low, high).
func OnLevel(x1, y1, x2, y2, low, high float32) bool {
	area := min(float32((x2-x1)*(y2-y1)), math.MaxFloat32)
	return (low == 0 || area >= low) && !(area >= high)
}

// OutShape implements Op.
func (r RoIAlign) OutShape(in []Shape) (Shape, error) {
	if len(in) < 2 {
		return nil, fmt.Errorf("%d inputs, want features and rois", len(in))
	}
	features, rois := in[:len(in)-1], in[len(in)-1]
	if err := cmp.Or(wantDims("features", in[0], 4), wantDims("rois", rois, 2)); err != nil {
		return nil, err
	}
	if r.Size < 1 || !(r.Scale > 0) || r.Sampling < 0 {
		return nil, fmt.Errorf("size %d, scale %g, sampling %d: size and scale must be positive, sampling not negative", r.Size, r.Scale, r.Sampling)
	}
	if r.Points != BinPoints && (r.Points.Kind() < 0 || r.Size < 2 || r.Sampling != 0 || r.Aligned) {
		return nil, fmt.Errorf("points %q, size %d, sampling %d, aligned %v: want %s or %s, size 2 or more, without the others",
			r.Points, r.Size, r.Sampling, r.Aligned, JwyangAlign, JwyangCrop)
	}
	n, channels := in[0][0], in[0][3]
	for _, f := range features {
		if err := wantDims("features", f, 4); err != nil {
			return nil, err
		}
		if err := wantShape("features", f, n, f[1], f[2], channels); err != nil {
			return nil, err
		}
	}
	if len(features) > 1 && !(r.Mapper.Size > 0) {
		return nil, fmt.Errorf("canonical size %g of %d levels must be positive", r.Mapper.Size, len(features))
	}
	return Shape{rois[0], r.Size, r.Size, channels}, wantShape("rois", rois, rois[0], 5)
}

// Roles implements Roler.
func (RoIAlign) Roles(n int) ([]Role, Role) {
	read := make([]Role, n)
	for i := range read {
		read[i] = Activation
	}
	read[n-1] = Full
	return read, Activation
}

// Wrt implements Differentiable: RoIs are constants.
func (r RoIAlign) Wrt(n int) []bool { return first(n-1, n) }

// Diff implements Differentiable.
func (r RoIAlign) Diff(in []*Node, _, grad *Node) []*Node {
	levels := len(in) - 1
	out := make([]*Node, len(in))
	for i := range levels {
		x := in[i].Shape()
		out[i] = Apply(RoIAlignGrad{RoIAlign: r, Images: x[0], Height: x[1], Width: x[2], Level: i, Levels: levels}, grad, in[levels])
	}
	return out
}

// RoIAlignGrad is (dy (R, Size, Size, C), rois) -> dfeatures (Images, Height, Width, C) of one level.
type RoIAlignGrad struct {
	RoIAlign              RoIAlign
	Images, Height, Width int
	Level, Levels         int // the index of the level, counted from 0, and the number of levels
}

// LevelScale returns the feature cells of level i per pixel of the model input.
func (r RoIAlign) LevelScale(i int) float64 { return r.Scale / float64(int(1)<<i) }

// OutShape implements Op.
func (r RoIAlignGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if err := cmp.Or(wantDims("dy", in[0], 4), wantSize(r.Height, r.Width)); err != nil {
		return nil, err
	}
	if r.Level < 0 || r.Level >= r.Levels {
		return nil, fmt.Errorf("level %d of %d", r.Level, r.Levels)
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
