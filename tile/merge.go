package tile

import (
	"cmp"
	"slices"

	"scalenet/geom"
)

// Object is a box that was found in a picture.
type Object struct {
	Box   geom.Box // continuous, in pixels of the picture
	Class int32
	Score float32
}

// Of returns the merged objects in descending score: those of sahi's NMSPostprocess or GreedyNMMPostprocess within each class. Of equal scores, the box
// comes first whose X1, then Y1, X2 and Y2 are smaller, so the result does not depend on the order of the objects.
//
// Boxes with a side of zero or less, and boxes with NaN, match no other box.
func (m Merge) Of(found []Object) []Object {
	byClass := map[int32][]Object{}
	for _, x := range found {
		byClass[x.Class] = append(byClass[x.Class], x)
	}
	var merged []Object
	for _, objects := range byClass {
		slices.SortFunc(objects, compare)
		merged = append(merged, m.class(objects)...)
	}
	slices.SortFunc(merged, func(a, b Object) int { return cmp.Or(compare(a, b), cmp.Compare(a.Class, b.Class)) })
	return merged
}

// compare is the order of descending score.
func compare(a, b Object) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Box.X1, b.Box.X1), cmp.Compare(a.Box.Y1, b.Box.Y1),
		cmp.Compare(a.Box.X2, b.Box.X2), cmp.Compare(a.Box.Y2, b.Box.Y2))
}

// class merges sorted objects of one class.
func (m Merge) class(objects []Object) (merged []Object) {
	near := newGrid(objects)
	gone := make([]bool, len(objects))
	for i, kept := range objects {
		if gone[i] {
			continue
		}
		first := kept.Box
		for _, j := range near.of(i) {
			if j <= i || gone[j] || !m.match(first, objects[j].Box) {
				continue
			}
			gone[j] = true
			// As in sahi, a box that the extended box no longer matches is dropped.
			if m.Method == GreedyNMM && m.match(kept.Box, objects[j].Box) {
				kept.Box = enclose(kept.Box, objects[j].Box)
			}
		}
		merged = append(merged, kept)
	}
	return merged
}

// match reports whether two boxes overlap enough.
func (m Merge) match(a, b geom.Box) bool {
	w := float64(min(a.X2, b.X2)) - float64(max(a.X1, b.X1))
	h := float64(min(a.Y2, b.Y2)) - float64(max(a.Y1, b.Y1))
	if !(w > 0 && h > 0) {
		return false
	}
	whole := min(area(a), area(b))
	if m.Metric == IoU {
		whole = area(a) + area(b) - w*h
	}
	return w*h/whole >= m.Threshold
}

func area(b geom.Box) float64 {
	return (float64(b.X2) - float64(b.X1)) * (float64(b.Y2) - float64(b.Y1))
}

func enclose(a, b geom.Box) geom.Box {
	return geom.Box{X1: min(a.X1, b.X1), Y1: min(a.Y1, b.Y1), X2: max(a.X2, b.X2), Y2: max(a.Y2, b.Y2)}
}
