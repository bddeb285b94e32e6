package geom

// Intersection is the area that two boxes share, in square pixels.
func (c Convention) Intersection(a, b Box) float32 {
	e := c.Extra()
	w := min(a.X2, b.X2) - max(a.X1, b.X1) + e
	h := min(a.Y2, b.Y2) - max(a.Y1, b.Y1) + e
	if w > 0 && h > 0 {
		return w * h
	}
	return 0
}

// IoU is the intersection over the union of two boxes, in [0, 1] and never NaN:
// 0 where there is no finite union of positive area.
func (c Convention) IoU(a, b Box) float32 {
	inter := c.Intersection(a, b)
	if !(inter > 0) {
		return 0
	}
	return overlap(inter, c.Area(a), c.Area(b))
}

// overlap is the IoU of boxes with areas a and b that share inter > 0.
func overlap(inter, a, b float32) float32 {
	iou := inter / (a + b - inter)
	if !(iou > 0) { // infinite areas
		return 0
	}
	return iou
}

// Coverage is the share of box that lies in region, in [0, 1]: how COCO
// compares a detection with a crowd region.
func (c Convention) Coverage(box, region Box) float32 {
	inter := c.Intersection(box, region)
	if !(inter > 0) {
		return 0
	}
	return overlap(inter, c.Area(box), inter)
}

// IoUMatrix gives the IoU of every box of a with every box of b, row by row:
// the value for a[i] and b[j] is at [i*len(b)+j].
func (c Convention) IoUMatrix(a, b []Box) []float32 {
	out := make([]float32, len(a)*len(b))
	areas := make([]float32, len(b))
	for j, box := range b {
		areas[j] = c.Area(box)
	}
	for i, box := range a {
		row, area := out[i*len(b):][:len(b)], c.Area(box)
		for j := range row {
			if inter := c.Intersection(box, b[j]); inter > 0 {
				row[j] = overlap(inter, area, areas[j])
			}
		}
	}
	return out
}
