package assign

import "scalenet/geom"

// Matches of boxes without a ground-truth box.
const (
	Background int32 = -1 // the highest IoU is below Matcher.Low
	Ignored    int32 = -2 // the highest IoU is from Low to High: trained neither as object nor as background
)

// Matcher matches each box with the ground-truth box of highest IoU, if that is at least High. Below Low, the box is background; in between, it is
// ignored. Ties go to the first ground-truth box.
type Matcher struct {
	High, Low  float64 // IoU thresholds, Low <= High
	LowQuality bool    // torchvision's allow_low_quality_matches, see Match
	Convention geom.Convention
}

// Match returns for each box the index of its ground-truth box, Background or Ignored. If truth is empty, all boxes are background.
//
// With LowQuality, the boxes that have the highest IoU with some ground-truth box (all of them in a tie, none if that IoU is 0) are matched even
// if that IoU is below High. As in torchvision, they are matched with their own ground-truth box of highest IoU, which may be another.
func (m Matcher) Match(boxes, truth []geom.Box) []int32 {
	matches := make([]int32, len(boxes))
	best := make([]closest, len(truth))
	nearest := make([]int32, len(boxes))
	for i, b := range boxes {
		var highest float32
		for g := range truth {
			iou := m.Convention.IoU(b, truth[g])
			if iou > highest {
				highest, nearest[i] = iou, int32(g)
			}
			best[g].add(iou, i)
		}
		matches[i] = m.classify(highest, nearest[i], len(truth))
	}
	if m.LowQuality {
		for _, c := range best {
			for _, i := range c.boxes {
				matches[i] = nearest[i]
			}
		}
	}
	return matches
}

// classify compares an IoU with the thresholds in float32, as torch does.
func (m Matcher) classify(iou float32, nearest int32, truths int) int32 {
	switch {
	case truths == 0 || iou < float32(m.Low):
		return Background
	case iou < float32(m.High):
		return Ignored
	}
	return nearest
}

// closest holds the boxes that have the highest IoU with one ground-truth box.
type closest struct {
	iou   float32
	boxes []int
}

// add keeps box if its IoU is the highest so far.
func (c *closest) add(iou float32, box int) {
	switch {
	case iou <= 0 || iou < c.iou:
	case iou > c.iou:
		c.iou, c.boxes = iou, append(c.boxes[:0], box)
	default:
		c.boxes = append(c.boxes, box)
	}
}
