package similar

import "math"

// What may be unexplained of a near copy, as a fraction of the contrast (the standard deviation) of its thumbnail.
const (
	maxUnexplained = 0.25 // root mean square of all pixels
	maxCell        = 0.75 // of the pixels of a cell
)

const (
	margin      = 4 // pixels at the edges that are not compared: what a shift brings in
	inner       = side - 2*margin
	cellSide    = 8
	minContrast = 2 // standard deviation in grey levels; below, noise would be compared with noise
)

// alike reports whether one image is a near copy of the other. A blank image is a near copy of none: all blank images look the
// same, and none shows anything that a model could remember.
func alike(a, b *thumb) bool {
	x, y := newField(a), newField(b)
	for _, pair := range [][2]*field{{x, y}, {y, x}} { // an image of much contrast explains more than it is explained by
		all, cell := unexplained(pair[0], pair[1])
		if !(all <= maxUnexplained && cell <= maxCell) {
			return false
		}
	}
	return true
}

// field is a smooth thumbnail with its derivatives.
type field struct{ value, dx, dy [side * side]float64 }

func newField(t *thumb) *field {
	f := new(field)
	for i, v := range t {
		f.value[i] = float64(v)
	}
	smooth(&f.value, 1)
	smooth(&f.value, side)
	for y := 1; y < side-1; y++ {
		for x := 1; x < side-1; x++ {
			i := y*side + x
			f.dx[i], f.dy[i] = (f.value[i+1]-f.value[i-1])/2, (f.value[i+side]-f.value[i-side])/2
		}
	}
	return f
}

// smooth applies the filter 1 4 6 4 1 along rows (step 1) or columns (step side). Edges are repeated.
func smooth(v *[side * side]float64, step int) {
	across := side + 1 - step // the other step
	for line := range side {
		var in [side + 4]float64
		for k := range in {
			in[k] = v[line*across+min(max(k-2, 0), side-1)*step]
		}
		for k := range side {
			v[line*across+k*step] = (in[k] + 4*in[k+1] + 6*in[k+2] + 4*in[k+3] + in[k+4]) / 16
		}
	}
}

// terms are what b may differ in from a: brightness, contrast, shift and stretch along x and y. The latter are first-order: a
// picture that is moved a little changes by its derivative times the way.
const terms = 6

func (a *field) terms(x, y int) [terms]float64 {
	i := y*side + x
	across, down := float64(x)/(side/2)-1, float64(y)/(side/2)-1
	return [terms]float64{1, a.value[i], a.dx[i], a.dy[i], a.dx[i] * across, a.dy[i] * down}
}

// unexplained fits the terms of a to b by least squares, and returns what remains of b as fractions of its contrast: of all pixels,
// and of those of the worst cell. Nothing explains a blank image, or the negative of a.
func unexplained(a, b *field) (all, cell float64) {
	var normal [terms][terms + 1]float64
	sum, squares := 0.0, 0.0
	eachInner(func(x, y int) {
		row, v := a.terms(x, y), b.value[y*side+x]
		for i, p := range row {
			for j, q := range row {
				normal[i][j] += p * q
			}
			normal[i][terms] += p * v
		}
		sum, squares = sum+v, squares+v*v
	})
	const n = inner * inner
	mean := sum / n
	contrast := math.Sqrt(max(0, squares/n-mean*mean))
	fit := solve(normal)
	if contrast < minContrast || fit[1] <= 0 {
		return math.Inf(1), math.Inf(1)
	}
	var cells [inner / cellSide][inner / cellSide]float64
	eachInner(func(x, y int) {
		rest := b.value[y*side+x]
		for i, p := range a.terms(x, y) {
			rest -= fit[i] * p
		}
		cells[(y-margin)/cellSide][(x-margin)/cellSide] += rest * rest
	})
	for _, row := range cells {
		for _, c := range row {
			all, cell = all+c, max(cell, c)
		}
	}
	return math.Sqrt(all/n) / contrast, math.Sqrt(cell/(cellSide*cellSide)) / contrast
}

func eachInner(f func(x, y int)) {
	for y := margin; y < side-margin; y++ {
		for x := margin; x < side-margin; x++ {
			f(x, y)
		}
	}
}

// solve returns the solution of the normal equations. A term that those before it explain is 0.
func solve(m [terms][terms + 1]float64) (fit [terms]float64) {
	before := m
	var used [terms]bool
	for i := range m {
		if used[i] = m[i][i] > 1e-9*before[i][i]; !used[i] {
			continue
		}
		for j := range m {
			if j == i {
				continue
			}
			factor := m[j][i] / m[i][i]
			for k := range m[j] {
				m[j][k] -= factor * m[i][k]
			}
		}
	}
	for i := range fit {
		if used[i] {
			fit[i] = m[i][terms] / m[i][i]
		}
	}
	return fit
}
