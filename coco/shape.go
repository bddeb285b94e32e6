package coco

import (
	"errors"
	"math"
)

// Kinds of Dataset.Changes.
const (
	changedPolygon = "polygon, read as its bounding box"
	changedMask    = "mask, read as its bounding box"
	changedRotated = "rotated rectangle, read as its bounding box"
	changedEllipse = "circle or ellipse, read as its bounding box"
	changedCuboid  = "cuboid, read as its bounding box"
	changedEmpty   = "mask without pixels, left out"
)

// errNoPoints is the error of a shape without points.
var errNoPoints = errors.New("no points in it")

// extent is the bounding box of points. The zero value has none.
type extent struct {
	left, top, right, bottom float64
	points                   int
}

func (e *extent) add(x, y float64) {
	if e.points++; e.points == 1 {
		e.left, e.top, e.right, e.bottom = x, y, x, y
		return
	}
	if x < e.left { // no min and max: millions of points are read, and these look at NaN and -0
		e.left = x
	} else if x > e.right {
		e.right = x
	}
	if y < e.top {
		e.top = y
	} else if y > e.bottom {
		e.bottom = y
	}
}

// box returns x, y, width, height, rounded to 1e-6 pixels.
func (e *extent) box() [4]float64 {
	return micro([4]float64{e.left, e.top, e.right - e.left, e.bottom - e.top})
}

// turnedBox returns the bounding box of a box that is rotated clockwise about a point, by an angle in degrees.
func turnedBox(box [4]float64, x, y, degrees float64) [4]float64 {
	if degrees == 0 {
		return micro(box)
	}
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	var e extent
	for _, corner := range [4][2]float64{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
		dx, dy := box[0]+corner[0]*box[2]-x, box[1]+corner[1]*box[3]-y
		e.add(x+dx*cos-dy*sin, y+dx*sin+dy*cos)
	}
	return e.box()
}

// ellipseBox returns the bounding box of an ellipse that is rotated about its centre, by an angle in degrees.
func ellipseBox(x, y, rx, ry, degrees float64) [4]float64 {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := math.Hypot(rx*cos, ry*sin), math.Hypot(rx*sin, ry*cos)
	return micro([4]float64{x - w, y - h, 2 * w, 2 * h})
}

// joinBoxes returns the bounding box of two boxes.
func joinBoxes(a, b [4]float64) [4]float64 {
	var e extent
	for _, box := range [2][4]float64{a, b} {
		e.add(box[0], box[1])
		e.add(box[0]+box[2], box[1]+box[3])
	}
	return e.box()
}

// finiteBox reports whether a box is made of finite numbers. Sums of finite numbers may overflow.
func finiteBox(box [4]float64) bool {
	for _, v := range box {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
