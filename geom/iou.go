package geom

// Intersection returns the area of the intersection of two boxes in square pixels.
func (c Convention) Intersection(a, b Box) float32 {
	e := c.Extra()
	w := min(a.X2, b.X2) - max(a.X1, b.X1) + e
	h := min(a.Y2, b.Y2) - max(a.Y1, b.Y1) + e
	if w > 0 && h > 0 {
		return w * h
	}
	return 0
}

// IoU returns the intersection over union of two boxes, in [0, 1]. It returns 0, never NaN, if the union is infinite or has no area.
func (c Convention) IoU(a, b Box) float32 {
	inter := c.Intersection(a, b)
	if !(inter > 0) {
		return 0
	}
	return overlap(inter, c.Area(a), c.Area(b))
}

// overlap returns the IoU of boxes with areas a and b and an intersection inter > 0.
func overlap(inter, a, b float32) float32 {
	iou := inter / (a + b - inter)
	if !(iou > 0) { // infinite areas
		return 0
	}
	return iou
}

// Coverage returns the fraction of box's area that lies in region, in [0, 1]. COCO uses it instead of the IoU for crowd regions.
func (c Convention) Coverage(box, region Box) float32 {
	inter := c.Intersection(box, region)
	if !(inter > 0) {
		return 0
	}
	return overlap(inter, c.Area(box), inter)
}

// IoUMatrix returns the IoU of every box in a with every box in b. The value for a[i] and b[j] is at [i*len(b)+j].
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
