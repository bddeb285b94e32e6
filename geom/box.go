package geom

import (
	"fmt"
	"math"
	"unsafe"
)

// Box is an axis-aligned box in pixels: left, top, right and bottom. A Convention defines whether X2 and Y2 are inclusive.
type Box struct{ X1, Y1, X2, Y2 float32 }

// Boxes returns rows of four coordinates as boxes, in the same memory.
func Boxes(rows []float32) []Box {
	return unsafe.Slice((*Box)(unsafe.Pointer(unsafe.SliceData(rows))), len(rows)/4)
}

// Rows returns boxes as rows of four coordinates, in the same memory.
func Rows(boxes []Box) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(boxes))), 4*len(boxes))
}

// Finite reports whether no coordinate is NaN or infinite.
func (b Box) Finite() bool {
	return finite(b.X1) && finite(b.Y1) && finite(b.X2) && finite(b.Y2)
}

func finite(v float32) bool { return v-v == 0 }

// Scale returns the box of a resized image: X1 and X2 times x, Y1 and Y2 times y. torchvision scales boxes the same way.
func (b Box) Scale(x, y float32) Box {
	return Box{b.X1 * x, b.Y1 * y, b.X2 * x, b.Y2 * y}
}

// Size is the size of an image in pixels.
type Size struct{ W, H int }

// Convention defines the meaning of X2 and Y2 of a box.
type Convention uint8

const (
	// Continuous boxes have width x2 - x1 (torchvision, detectron2, COCO).
	Continuous Convention = iota
	// Inclusive boxes have width x2 - x1 + 1 (py-faster-rcnn, jwyang's detector).
	Inclusive
)

// String returns the name used in configuration files.
func (c Convention) String() string {
	switch c {
	case Continuous:
		return "continuous"
	case Inclusive:
		return "inclusive"
	}
	return fmt.Sprintf("convention %d", uint8(c))
}

// MarshalText returns the name of the convention.
func (c Convention) MarshalText() ([]byte, error) {
	if c > Inclusive {
		return nil, fmt.Errorf("box convention %d is neither continuous nor inclusive", uint8(c))
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads "continuous" or "inclusive".
func (c *Convention) UnmarshalText(text []byte) error {
	switch string(text) {
	case "continuous":
		*c = Continuous
	case "inclusive":
		*c = Inclusive
	default:
		return fmt.Errorf("box convention %q is neither continuous nor inclusive", text)
	}
	return nil
}

// Extra returns the difference of width and X2 - X1 in pixels: 1 for Inclusive, 0 for Continuous.
func (c Convention) Extra() float32 {
	if c == Inclusive {
		return 1
	}
	return 0
}

// Width returns the width of the box in pixels; negative if X2 is too far left of X1.
func (c Convention) Width(b Box) float32 { return b.X2 - b.X1 + c.Extra() }

// Height returns the height of the box in pixels; negative if Y2 is too far above Y1.
func (c Convention) Height(b Box) float32 { return b.Y2 - b.Y1 + c.Extra() }

// Area returns width times height in square pixels; 0 if one of them is not positive.
func (c Convention) Area(b Box) float32 {
	w, h := c.Width(b), c.Height(b)
	if w > 0 && h > 0 {
		return w * h
	}
	return 0
}

// AtLeast reports whether width and height are at least side pixels; false for a box with NaN.
func (c Convention) AtLeast(b Box, side float32) bool {
	return c.Width(b) >= side && c.Height(b) >= side
}

// proper reports whether the box has positive width and height and a finite area. Only such a box can overlap another.
func (c Convention) proper(b Box) bool {
	return c.AtLeast(b, math.SmallestNonzeroFloat32) && finite(c.Width(b)*c.Height(b)) && c.Area(b) > 0
}

// Clip clamps the corners to the image: to [0, W] and [0, H], or for inclusive boxes to [0, W-1] and [0, H-1]. NaN stays NaN.
func (c Convention) Clip(b Box, image Size) Box {
	w, h := float32(image.W)-c.Extra(), float32(image.H)-c.Extra()
	return Box{clamp(b.X1, w), clamp(b.Y1, h), clamp(b.X2, w), clamp(b.Y2, h)}
}

func clamp(v, high float32) float32 { return min(max(v, 0), high) }

// Inside reports whether the box lies completely in the image.
func (c Convention) Inside(b Box, image Size) bool {
	e := c.Extra()
	return b.X1 >= 0 && b.Y1 >= 0 && b.X2+e <= float32(image.W) && b.Y2+e <= float32(image.H)
}

// FlipHorizontal returns the box mirrored left to right in an image of the given width.
func (c Convention) FlipHorizontal(b Box, width int) Box {
	w := float32(width) - c.Extra()
	return Box{w - b.X2, b.Y1, w - b.X1, b.Y2}
}

// FlipVertical returns the box mirrored top to bottom in an image of the given height.
func (c Convention) FlipVertical(b Box, height int) Box {
	h := float32(height) - c.Extra()
	return Box{b.X1, h - b.Y2, b.X2, h - b.Y1}
}
