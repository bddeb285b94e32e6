package threshold

import (
	"cmp"
	"slices"

	"scalenet/coco"
)

// curve has the detections of a class that count, in descending score.
type curve struct {
	rows    []row
	objects int // that are not ignored
}

type row struct {
	score float64
	image int32 // index into Dataset.Images
	right bool
}

// at50 is the bit of IoU threshold 0.5 in a ranking.
const at50 = 1

// curves returns the curve of each class, and that of all classes together as the last one.
func curves(e *coco.Evaluation, dt *coco.Results) []curve {
	list := make([]curve, len(e.Classes)+1)
	all := &list[len(e.Classes)]
	for k := range e.Rankings {
		r, c := &e.Rankings[k], &list[k]
		c.objects = e.Classes[k].Objects
		for i, at := range r.Row {
			if r.Ignored[i]&at50 == 0 {
				c.rows = append(c.rows, row{dt.Score[at], r.Image[i], r.Found[i]&at50 != 0})
			}
		}
		all.objects += c.objects
		all.rows = append(all.rows, c.rows...)
	}
	slices.SortStableFunc(all.rows, func(a, b row) int { return cmp.Compare(b.score, a.score) })
	return list
}

// counts are those of the detections at or above a threshold.
type counts struct{ right, shown, objects int }

func (c counts) precision() float64 { return ratio(c.right, c.shown) }
func (c counts) recall() float64    { return ratio(c.right, c.objects) }
func (c counts) f1() float64        { return ratio(2*c.right, c.shown+c.objects) }

// ratio returns 0 for 0/0.
func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// pick returns the threshold of the rule, with image i repeated weight[i] times, and the counts there. objects is the weighted number of objects.
// ok is false if no threshold fulfils the rule; best is the highest precision or recall then.
func (r Rule) pick(c *curve, weight []int32, objects int) (threshold float64, at counts, best float64, ok bool) {
	now := counts{objects: objects}
	for i := 0; i < len(c.rows); {
		score, before := c.rows[i].score, now.shown
		for ; i < len(c.rows) && c.rows[i].score == score; i++ { // no threshold separates equal scores
			now.add(c.rows[i], weight)
		}
		if now.right == 0 || now.shown == before { // the score of an image that was not drawn is no threshold
			continue
		}
		switch r.kind {
		case highestF1:
			if v := now.f1(); v > best {
				threshold, at, best, ok = score, now, v, true
			}
		case leastPrecision:
			if best = max(best, now.precision()); now.precision() >= r.goal {
				threshold, at, ok = score, now, true
			}
		case leastRecall:
			if best = now.recall(); best >= r.goal {
				return score, now, best, true
			}
		}
	}
	return threshold, at, best, ok
}

func (c *counts) add(d row, weight []int32) {
	n := int(weight[d.image])
	c.shown += n
	if d.right {
		c.right += n
	}
}

// countsAt returns the counts of the detections at or above a threshold.
func (c *curve) countsAt(threshold float64, weight []int32, objects int) counts {
	now := counts{objects: objects}
	for _, d := range c.rows {
		if d.score < threshold {
			break
		}
		now.add(d, weight)
	}
	return now
}
