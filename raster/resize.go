package raster

import (
	"cmp"
	"fmt"
)

// Transform places an image in a model input: resized to W x H pixels, then mirrored left to right (FlipX) or top to bottom (FlipY).
type Transform struct {
	W, H         int
	FlipX, FlipY bool
}

// lerp is a linear interpolation of two samples: (1-weight) * sample lo + weight * sample hi.
type lerp struct {
	lo, hi int
	weight float32
}

// lerpAt returns the interpolation of output sample i when size samples are resized to n, as PyTorch's upsample_bilinear2d (align_corners=False) computes
// it in float32: centres at (i+0.5)*size/n - 0.5, not before the first sample.
func lerpAt(i, size, n int) lerp {
	scale := float32(size) / float32(n)
	centre := max(0, (float32(i)+0.5)*scale-0.5)
	lo := min(int(centre), size-1)
	return lerp{lo, min(lo+1, size-1), min(1, centre-float32(lo))}
}

// lerpRule returns the interpolation of output sample i when size samples are resized to n.
type lerpRule func(i, size, n int) lerp

func (at lerpRule) line(size, n int) []lerp {
	line := make([]lerp, n)
	for i := range line {
		line[i] = at(i, size, n)
	}
	return line
}

// FillResized is Fill of the image as it is to be placed, in float32 throughout: normalised, then resized bilinearly, equal to
// torchvision's GeneralizedRCNNTransform to 1e-5.
func (n Normalization) FillResized(dst []float32, stride int, p Image, to Transform) error {
	return n.fillAll(dst, stride, p, to, lerpAt)
}

// FillRows writes only the rows of dst from first to before end.
func (n Normalization) FillRows(dst []float32, stride int, p Image, to Transform, first, end int) error {
	if err := cmp.Or(p.Check(), to.check(dst, stride)); err != nil {
		return err
	}
	n.fillRows(dst, stride, p, to, first, end, lerpAt)
	return nil
}

// fillAll writes all rows, each processor a part of them.
func (n Normalization) fillAll(dst []float32, stride int, p Image, to Transform, at lerpRule) error {
	if err := cmp.Or(p.Check(), to.check(dst, stride)); err != nil {
		return err
	}
	inParallel(to.H, func(first, end int) { n.fillRows(dst, stride, p, to, first, end, at) })
	return nil
}

// check returns an error if there is no image to make, or dst is too small for it.
func (to Transform) check(dst []float32, stride int) error {
	if to.W < 1 || to.H < 1 {
		return fmt.Errorf("resize to %dx%d: sides must be at least 1", to.W, to.H)
	}
	return checkRows(dst, stride, to.W, to.H)
}

func (n Normalization) fillRows(dst []float32, stride int, p Image, to Transform, first, end int, at lerpRule) {
	if to.FlipY {
		first, end = to.H-end, to.H-first
	}
	row := n.resized(p, to, at)
	for y := first; y < end; y++ { // downwards in the image, whatever dst's order
		line := y
		if to.FlipY {
			line = to.H - 1 - y
		}
		d := dst[line*stride : line*stride+to.W*3]
		row(d, y)
		if to.FlipX {
			mirror(d)
		}
	}
}

// resized gives the function that writes row y of the resized image; rows are asked for downwards.
func (n Normalization) resized(p Image, to Transform, at lerpRule) func(dst []float32, y int) {
	t := n.tables()
	if to.W == p.W && to.H == p.H {
		return func(dst []float32, y int) { t.row(dst, p.row(y)) }
	}
	columns := at.line(p.W, to.W)
	// The two rows of the image that a row is between, resized horizontally, are kept for the next one.
	var (
		source     = make([]float32, p.W*3+1) // and a value that resizeRow may read or write
		lo, hi     = make([]float32, to.W*3+1), make([]float32, to.W*3+1)
		loAt, hiAt = -1, -1
	)
	load := func(row []float32, y int) {
		t.row(source, p.row(y))
		resizeRow(row, source, columns)
	}
	return func(dst []float32, y int) {
		v := at(y, p.H, to.H)
		if v.lo == hiAt {
			lo, hi, loAt, hiAt = hi, lo, hiAt, loAt
		}
		if v.lo != loAt {
			load(lo, v.lo)
			loAt = v.lo
		}
		if v.hi != hiAt {
			load(hi, v.hi)
			hiAt = v.hi
		}
		blend(dst, lo, hi, v.weight)
	}
}

// resizeRowPlainly resizes a row of pixels of three values. dst and source have one value more, for [resizeRow], which takes four at a time.
func resizeRowPlainly(dst, source []float32, columns []lerp) {
	for _, c := range columns {
		a, b := source[c.lo*3:c.lo*3+3], source[c.hi*3:c.hi*3+3]
		dst[0] = (1-c.weight)*a[0] + c.weight*b[0]
		dst[1] = (1-c.weight)*a[1] + c.weight*b[1]
		dst[2] = (1-c.weight)*a[2] + c.weight*b[2]
		dst = dst[3:]
	}
}

// blendPlainly writes (1-weight)*lo + weight*hi.
func blendPlainly(dst, lo, hi []float32, weight float32) {
	lo, hi = lo[:len(dst)], hi[:len(dst)]
	for i := range dst {
		dst[i] = (1-weight)*lo[i] + weight*hi[i]
	}
}

// mirror reverses a row of pixels of three values.
func mirror(row []float32) {
	for a, b := 0, len(row)-3; a < b; a, b = a+3, b-3 {
		row[a], row[b] = row[b], row[a]
		row[a+1], row[b+1] = row[b+1], row[a+1]
		row[a+2], row[b+2] = row[b+2], row[a+2]
	}
}
