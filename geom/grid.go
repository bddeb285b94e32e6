package geom

import "math"

// sizeGrid is a spatial index that finds the kept boxes whose IoU with a box may exceed a threshold t. It uses two bounds, in x and in y, for boxes
// a and b with IoU > t:
//
//	t < w(a)/w(b) < 1/t
//	|center(a) - center(b)| < (w(a) + w(b))/2 - t*max(w(a), w(b))
//
// Boxes are hashed by the powers of two at or below their width and height, and by the cell of their centre. A cell has the size of these powers of
// two. A query visits the few cells within the bounds. Hash collisions only cost time, because the IoU of every candidate is computed.
type sizeGrid struct {
	heads []int32 // by hash: the last kept box + 1, 0 for none
	next  []int32 // by kept box: the one before it in its cell + 1
	t     float64 // the threshold, lowered by the rounding margin
}

// span is the extent of a box in one dimension.
type span struct{ center, size float32 }

// safety is the relative margin for float32 rounding of centres and sizes.
const safety = 0.004

func newSizeGrid(n int, threshold float64) *sizeGrid {
	size := 1
	for size < 2*n {
		size *= 2
	}
	return &sizeGrid{
		heads: make([]int32, size),
		next:  make([]int32, 0, n),
		t:     threshold * (1 - safety),
	}
}

// add appends the next kept box.
func (g *sizeGrid) add(x, y span) {
	ex, ey := exponent(x.size), exponent(y.size)
	head := &g.heads[g.hash(ex, ey, cell(float64(x.center), ex), cell(float64(y.center), ey))]
	g.next = append(g.next, *head)
	*head = int32(len(g.next))
}

// suppressed reports whether a kept box overlaps b by more than the threshold.
func (g *sizeGrid) suppressed(kept *keptBoxes, b Box, area float32, x, y span) bool {
	var bufferX, bufferY [4]reach
	xs, ys := g.reaches(bufferX[:0], x), g.reaches(bufferY[:0], y)
	for _, ry := range ys {
		for _, rx := range xs {
			for cy := ry.from; cy <= ry.to; cy++ {
				for cx := rx.from; cx <= rx.to; cx++ {
					for j := g.heads[g.hash(rx.exponent, ry.exponent, cx, cy)]; j != 0; j = g.next[j-1] {
						if kept.overlaps(&kept.boxes[j-1], kept.areas[j-1], b, area) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// reach is a range of cells for sizes of one power of two.
type reach struct {
	exponent int
	from, to int64
}

// reaches lists the cells that may hold the centres of overlapping spans.
func (g *sizeGrid) reaches(out []reach, s span) []reach {
	size, center := float64(s.size), float64(s.center)
	last := exponent(float32(size / g.t))
	for e := exponent(float32(size * g.t)); e <= last; e++ {
		largest := min(2*power(e), size)
		distance := (size*(0.5-g.t) + 0.5*largest) * (1 + safety)
		distance += math.Abs(center) * (1.0 / (1 << 22)) // rounding of the centres
		out = append(out, reach{e, cell(center-distance, e), cell(center+distance, e)})
	}
	return out
}

func (g *sizeGrid) hash(ex, ey int, cx, cy int64) uint64 {
	h := uint64(ex*256+ey)*0x9E3779B97F4A7C15 ^ uint64(cx)*0xC2B2AE3D27D4EB4F ^ uint64(cy)*0x165667B19E3779F9
	return (h ^ h>>29) * 0xBF58476D1CE4E5B9 >> 32 & uint64(len(g.heads)-1)
}

// exponent returns the exponent of the power of two at or below v > 0, biased as in the bits of a float32.
func exponent(v float32) int { return int(math.Float32bits(v) >> 23 & 255) }

// power returns 2 to the biased exponent.
func power(e int) float64 { return math.Float64frombits(uint64(e-127+1023) << 52) }

// cell returns the cell of a coordinate for the biased exponent e. Very distant coordinates share a cell, so that they are still found.
func cell(v float64, e int) int64 {
	const distant = 1 << 40
	return int64(math.Floor(max(-distant, min(v/power(e), distant))))
}
