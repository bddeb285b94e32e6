package rpn

import (
	"math"

	"scalenet/geom"
)

// Anchors configures the anchor boxes of every cell of a feature map.
type Anchors struct {
	// Stride is the distance between neighbouring cells of the finest level in pixels of the model input.
	Stride int `yaml:"stride" validate:"gte=1"`
	// Spacing is stride or floor: the distance between the anchors of neighbouring cells.
	Spacing Spacing `yaml:"spacing,omitempty" validate:"omitempty,oneof=stride floor"`
	// Sizes are the square roots of the anchors' areas, in pixels of the model input.
	Sizes []float64 `yaml:"sizes" validate:"min=1,max=256,dive,gt=0,lte=65536"`
	// SizePerLevel gives each level of a pyramid one of the sizes, from fine to coarse. Otherwise each level has all sizes.
	SizePerLevel bool `yaml:"size_per_level,omitempty"`
	// Ratios are height / width.
	Ratios []float64 `yaml:"ratios" validate:"min=1,max=256,dive,gt=0,lte=65536"`
	// Rounding is none, corners or base: the values that are rounded to integers.
	Rounding Rounding `yaml:"rounding" validate:"oneof=none corners base"`
}

// Rounding selects the values of an anchor that are rounded to integers, half to even.
type Rounding string

// The kinds of rounding.
const (
	// RoundNone rounds nothing. Anchors are centred on the upper left corner of their cell.
	RoundNone Rounding = "none"
	// RoundCorners rounds the corners, as torchvision's AnchorGenerator does.
	RoundCorners Rounding = "corners"
	// RoundBase rounds width and height of a base box of one stride, inclusive and centred on the cell, and then scales the box. So does
	// generate_anchors.py of py-faster-rcnn and of jwyang's detector, whose scale is size / stride.
	RoundBase Rounding = "base"
)

// Spacing is the distance between the anchors of neighbouring cells.
type Spacing string

// The kinds of spacing.
const (
	// SpacingStride is the stride of the level; the default.
	SpacingStride Spacing = "stride"
	// SpacingFloor is the padded side divided by the side of the level and rounded down, as in torchvision's AnchorGenerator. It differs from the stride
	// where a level's side is rounded up.
	SpacingFloor Spacing = "floor"
)

// PerCell returns A, the number of anchors per cell of a level.
func (a Anchors) PerCell() int {
	if a.SizePerLevel {
		return len(a.Ratios)
	}
	return len(a.Sizes) * len(a.Ratios)
}

// Level returns the anchors of level i of a pyramid, counted from 0, as those of a single level.
func (a Anchors) Level(i, stride int) Anchors {
	if a.SizePerLevel {
		a.Sizes, a.SizePerLevel = a.Sizes[i:i+1], false
	}
	a.Stride = stride
	return a
}

// Cell returns the A anchors of cell (0, 0): all sizes of the first ratio, then of the next.
func (a Anchors) Cell() []geom.Box {
	out := make([]geom.Box, 0, a.PerCell())
	for _, ratio := range a.Ratios {
		for _, size := range a.Sizes {
			if a.Rounding == RoundBase {
				out = append(out, a.scaledBase(ratio, size))
			} else {
				out = append(out, a.centered(ratio, size))
			}
		}
	}
	return out
}

// centered computes in float32, as torchvision does.
func (a Anchors) centered(ratio, size float64) geom.Box {
	stretch := float32(math.Sqrt(float64(float32(ratio))))
	w := float32(1/stretch) * float32(size) / 2
	h := stretch * float32(size) / 2
	if a.Rounding == RoundCorners {
		w = float32(math.RoundToEven(float64(w)))
		h = float32(math.RoundToEven(float64(h)))
	}
	return geom.Box{X1: -w, Y1: -h, X2: w, Y2: h}
}

func (a Anchors) scaledBase(ratio, size float64) geom.Box {
	base := float64(a.Stride)
	w := math.RoundToEven(math.Sqrt(base * base / ratio))
	h := math.RoundToEven(w * ratio)
	center, scale := (base-1)/2, size/base
	dx, dy := (w*scale-1)/2, (h*scale-1)/2
	return geom.Box{
		X1: float32(center - dx), Y1: float32(center - dy),
		X2: float32(center + dx), Y2: float32(center + dy),
	}
}

// Grid returns all h*w*A anchors of a single level of h x w cells, in order (H, W, A), for a model input without rounded sides.
func (a Anchors) Grid(h, w int) []geom.Box {
	return a.GridOn(h, w, geom.Size{H: h * a.Stride, W: w * a.Stride})
}

// GridOn is Grid for a model input of the given padded size.
func (a Anchors) GridOn(h, w int, padded geom.Size) []geom.Box {
	down, across := a.Stride, a.Stride
	if a.Spacing == SpacingFloor {
		down, across = padded.H/h, padded.W/w
	}
	cell := a.Cell()
	out := make([]geom.Box, 0, h*w*len(cell))
	for y := range h {
		for x := range w {
			dx, dy := float32(x*across), float32(y*down)
			for _, b := range cell {
				out = append(out, geom.Box{X1: b.X1 + dx, Y1: b.Y1 + dy, X2: b.X2 + dx, Y2: b.Y2 + dy})
			}
		}
	}
	return out
}
