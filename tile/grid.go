package tile

import (
	"math"
	"slices"

	"scalenet/geom"
)

// grid finds the boxes that may overlap a box. A cell lists the boxes that reach into it, so that a picture with many objects is merged in time
// proportional to their number.
type grid struct {
	objects []Object
	side    float64
	cells   map[cell][]int
	wide    []int // boxes over more than maxCells cells, which are in no cell
	found   []int
}

type cell struct{ x, y int32 }

// maxCells limits the cells of one box.
const maxCells = 256

// newGrid has cells twice as wide as the mean box, so that most boxes are in one to four cells.
func newGrid(objects []Object) *grid {
	var sum, n float64
	for _, x := range objects {
		if usable(x.Box) {
			sum, n = sum+float64(max(x.Box.X2-x.Box.X1, x.Box.Y2-x.Box.Y1)), n+1
		}
	}
	g := &grid{objects: objects, side: max(1, 2*sum/max(1, n)), cells: map[cell][]int{}}
	for i, x := range objects {
		from, to, ok := g.covered(x.Box)
		switch {
		case !usable(x.Box):
		case !ok:
			g.wide = append(g.wide, i)
		default:
			for c := range cellsOf(from, to) {
				g.cells[c] = append(g.cells[c], i)
			}
		}
	}
	return g
}

// usable reports whether a box can overlap another one.
func usable(b geom.Box) bool { return b.Finite() && b.X2 > b.X1 && b.Y2 > b.Y1 }

// covered returns the first and the last cell of a box, and false if there are too many between them.
func (g *grid) covered(b geom.Box) (from, to cell, ok bool) {
	x1, y1 := math.Floor(float64(b.X1)/g.side), math.Floor(float64(b.Y1)/g.side)
	x2, y2 := math.Floor(float64(b.X2)/g.side), math.Floor(float64(b.Y2)/g.side)
	const far = 1 << 30
	if !((x2-x1+1)*(y2-y1+1) <= maxCells && min(x1, y1) > -far && max(x2, y2) < far) {
		return from, to, false
	}
	return cell{int32(x1), int32(y1)}, cell{int32(x2), int32(y2)}, true
}

func cellsOf(from, to cell) func(yield func(cell) bool) {
	return func(yield func(cell) bool) {
		for y := from.y; y <= to.y; y++ {
			for x := from.x; x <= to.x; x++ {
				if !yield(cell{x, y}) {
					return
				}
			}
		}
	}
}

// of returns, in ascending order, all objects that may overlap the i-th one. The slice is valid until the next call.
func (g *grid) of(i int) []int {
	g.found = g.found[:0]
	b := g.objects[i].Box
	if !usable(b) {
		return nil
	}
	from, to, ok := g.covered(b)
	if !ok { // as many as there are
		for j := range g.objects {
			g.found = append(g.found, j)
		}
		return g.found
	}
	g.found = append(g.found, g.wide...)
	for c := range cellsOf(from, to) {
		g.found = append(g.found, g.cells[c]...)
	}
	slices.Sort(g.found)
	g.found = slices.Compact(g.found)
	return g.found
}
