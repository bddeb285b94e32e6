package rpn

import (
	"math"

	"scalenet/geom"
)

// Anchors configures the anchor boxes of every cell of a feature map.
type Anchors struct {
	// Stride is the distance of neighbouring cells in pixels of the network's input.
	Stride int `yaml:"stride" validate:"gte=1"`
	// Sizes are square roots of the areas, in pixels.
	Sizes []float64 `yaml:"sizes" validate:"min=1,max=256,dive,gt=0,lte=65536"`
	// Ratios are height / width.
	Ratios []float64 `yaml:"ratios" validate:"min=1,max=256,dive,gt=0,lte=65536"`
	// Rounding is none, corners or base: what is rounded to whole pixels.
	Rounding Rounding `yaml:"rounding" validate:"oneof=none corners base"`
}

// Rounding says what of an anchor is rounded to whole pixels, half to even.
type Rounding string

// The kinds of rounding.
const (
	// RoundNone leaves anchors as they are, centred on the cell's corner (0, 0).
	RoundNone Rounding = "none"
	// RoundCorners rounds the corners: torchvision's AnchorGenerator.
	RoundCorners Rounding = "corners"
	// RoundBase rounds the sides of a base box of one stride, inclusive and
	// centred on the cell, and scales it afterwards: generate_anchors.py of
	// py-faster-rcnn and jwyang's detector, where a size is stride times scale.
	RoundBase Rounding = "base"
)

// PerCell is the number of anchors of a cell, A.
func (a Anchors) PerCell() int { return len(a.Sizes) * len(a.Ratios) }

// Cell gives the A anchors of cell (0, 0): ratio by ratio, in each size by size.
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

// Grid gives all h*w*A anchors of a feature map, in order (H, W, A).
func (a Anchors) Grid(h, w int) []geom.Box {
	cell := a.Cell()
	out := make([]geom.Box, 0, h*w*len(cell))
	for y := range h {
		for x := range w {
			dx, dy := float32(x*a.Stride), float32(y*a.Stride)
			for _, b := range cell {
				out = append(out, geom.Box{X1: b.X1 + dx, Y1: b.Y1 + dy, X2: b.X2 + dx, Y2: b.Y2 + dy})
			}
		}
	}
	return out
}
