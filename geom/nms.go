package geom

import (
	"fmt"
	"math"
)

// NMS is greedy non-maximum suppression. In descending score (ties in index order), a box is kept unless its IoU with a kept box is greater than
// threshold, which must be in [0, 1]. NMS returns the indices of the kept boxes in that order, at most limit of them; a negative limit means all.
//
// The result is that of torchvision.ops.nms, which compares the float32 IoU with a float64 threshold. The package documentation describes degenerate
// boxes and NaN scores. NMS panics if boxes and scores have different lengths.
func (c Convention) NMS(boxes []Box, scores []float32, threshold float64, limit int) []int {
	sameLength(len(boxes), len(scores))
	return c.suppress(boxes, TopK(scores, len(scores)), threshold, limit)
}

// BatchedNMS is NMS within each class: boxes of different classes do not suppress each other. It returns the indices of the kept boxes of all
// classes in descending score, at most limit of them; a negative limit means all.
func (c Convention) BatchedNMS(boxes []Box, scores []float32, classes []int32, threshold float64, limit int) []int {
	sameLength(len(boxes), len(scores))
	sameLength(len(boxes), len(classes))
	order := TopK(scores, len(scores))
	members := make(map[int32][]int)
	for _, i := range order {
		members[classes[i]] = append(members[classes[i]], i)
	}
	kept := make([]bool, len(boxes))
	for _, indices := range members {
		for _, i := range c.suppress(boxes, indices, threshold, limit) {
			kept[i] = true
		}
	}
	out := order[:0]
	for _, i := range order {
		if kept[i] && len(out) != limit {
			out = append(out, i)
		}
	}
	return out
}

// Threshold returns the largest float32 that is not above iou. A float32 IoU is above that value exactly if it is above iou.
func Threshold(iou float64) float32 {
	t := float32(iou)
	if float64(t) > iou {
		t = math.Nextafter32(t, 0)
	}
	return t
}

func sameLength(boxes, others int) {
	if boxes != others {
		panic(fmt.Sprintf("geom: NMS of %d boxes with %d scores or classes", boxes, others))
	}
}

// A grid is faster than comparing all pairs for at least gridFrom boxes and a threshold of at least gridThreshold, with which a query visits few cells.
const (
	gridFrom      = 256
	gridThreshold = 0.5
)

// suppress is NMS over the boxes that order lists.
func (c Convention) suppress(boxes []Box, order []int, threshold float64, limit int) []int {
	if limit < 0 {
		limit = len(order)
	}
	kept := keptBoxes{extra: c.Extra(), threshold: threshold}
	var grid *sizeGrid
	if len(order) >= gridFrom && threshold >= gridThreshold {
		grid = newSizeGrid(len(order), threshold)
	}
	out := make([]int, 0, min(limit, len(order)))
	for _, i := range order {
		if len(out) >= limit {
			break
		}
		box := boxes[i]
		if c.proper(box) {
			area := c.Area(box)
			if grid == nil {
				if kept.suppresses(box, area) {
					continue
				}
			} else {
				x, y, w, h := c.center(box)
				if grid.suppressed(&kept, box, area, span{x, w}, span{y, h}) {
					continue
				}
				grid.add(span{x, w}, span{y, h})
			}
			kept.boxes = append(kept.boxes, box)
			kept.areas = append(kept.areas, area)
		}
		out = append(out, i)
	}
	return out
}

// keptBoxes are the boxes that may suppress others.
type keptBoxes struct {
	boxes     []Box
	areas     []float32
	extra     float32
	threshold float64
}

// suppresses compares a box with every kept one.
func (k *keptBoxes) suppresses(b Box, area float32) bool {
	areas := k.areas[:len(k.boxes)]
	for j := range k.boxes {
		a := &k.boxes[j]
		// Most pairs do not overlap, which four comparisons find faster than the IoU.
		if a.X1 > b.X2+k.extra || b.X1 > a.X2+k.extra || a.Y1 > b.Y2+k.extra || b.Y1 > a.Y2+k.extra {
			continue
		}
		if k.overlaps(a, areas[j], b, area) {
			return true
		}
	}
	return false
}

// overlaps reports whether the IoU of a kept box and b is above the threshold.
func (k *keptBoxes) overlaps(a *Box, areaA float32, b Box, areaB float32) bool {
	w := min(a.X2, b.X2) - max(a.X1, b.X1) + k.extra
	h := min(a.Y2, b.Y2) - max(a.Y1, b.Y1) + k.extra
	if !(w > 0 && h > 0) {
		return false
	}
	inter := float32(w * h)
	return float64(inter/(areaA+areaB-inter)) > k.threshold
}
