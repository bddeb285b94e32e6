package assign

import "scalenet/geom"

// What a box that matches no ground truth is.
const (
	Background int32 = -1 // overlaps all of it less than the low threshold
	Ignored    int32 = -2 // in between: trained neither as object nor as background
)

// Matcher gives each box at most one ground truth box: the one it overlaps most
// if their IoU is at least High. Below Low it is background, in between ignored.
// Ties go to the first ground truth box.
type Matcher struct {
	High, Low  float64 // IoU, Low <= High
	LowQuality bool    // also match the boxes that overlap a ground truth box most of all
	Convention geom.Convention
}

// Match gives for each box the index of its ground truth box, Background or
// Ignored. Without ground truth all boxes are background.
//
// With LowQuality, every box that has the highest IoU with some ground truth
// box (ties included, 0 not) is matched, whatever that IoU is; and to the
// one that it overlaps most itself, which may be another one.
func (m Matcher) Match(boxes, truth []geom.Box) []int32 {
	matches := make([]int32, len(boxes))
	champions := make([]champion, len(truth))
	nearest := make([]int32, len(boxes))
	for i, b := range boxes {
		var best float32
		for g := range truth {
			iou := m.Convention.IoU(b, truth[g])
			if iou > best {
				best, nearest[i] = iou, int32(g)
			}
			champions[g].meet(iou, i)
		}
		matches[i] = m.classify(best, nearest[i], len(truth))
	}
	if m.LowQuality {
		for _, c := range champions {
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

// champion holds the boxes that overlap one ground truth box most.
type champion struct {
	iou   float32
	boxes []int
}

func (c *champion) meet(iou float32, box int) {
	switch {
	case iou <= 0 || iou < c.iou:
	case iou > c.iou:
		c.iou, c.boxes = iou, append(c.boxes[:0], box)
	default:
		c.boxes = append(c.boxes, box)
	}
}
