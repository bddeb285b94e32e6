package analysis

import "scalenet/coco"

// Image has the counts of one image, at IoU 0.5 and the score of the operating point.
type Image struct {
	ID      int64  `json:"id"`
	File    string `json:"file,omitempty"`
	Objects int    `json:"objects"`
	Found   int    `json:"found"`
	Missed  int    `json:"missed"`
	False   int    `json:"false"` // false positives, including duplicates

	index int
}

// Mistakes returns the number of missed objects and false positives.
func (p *Image) Mistakes() int { return p.Missed + p.False }

// matched has the detections of an image above a score, and the matches of detections and objects.
type matched struct {
	*scene
	kept    []detection
	outcome []outcome
	missed  []bool // by object
}

type outcome uint8

const (
	wrong outcome = iota
	right
	neither // ignored, as by the evaluator
)

// match matches detections to objects of their class as the evaluator does: the unmatched object of highest IoU.
func (s *scene) match(score float64) matched {
	n := 0
	for n < len(s.detections) && s.detections[n].score >= score {
		n++
	}
	j := matched{s, s.detections[:n], make([]outcome, n), make([]bool, len(s.objects))}
	for i := range j.missed {
		j.missed[i] = true
	}
	ignoring := s.ignoring(foundAt)
	for i := range j.kept {
		d := &j.kept[i]
		at, best := -1, foundAt
		for k, a := range s.objects {
			if j.missed[k] && a.Class == d.class {
				if iou := coco.Overlap(d.box, &a.Box, false); iou >= best {
					at, best = k, iou
				}
			}
		}
		switch {
		case at >= 0:
			j.outcome[i], j.missed[at] = right, false
		case ignoring.takes(d):
			j.outcome[i] = neither
		}
	}
	return j
}

// perImage returns the counts of every image, and by class (from 0).
func perImage(gt *coco.Dataset, all []scene, score float64) (list []Image, byClass []Image) {
	list, byClass = make([]Image, len(all)), make([]Image, len(gt.Categories))
	for i := range all {
		p := &list[i]
		*p = Image{ID: gt.Images[i].ID, File: gt.Images[i].FileName, Objects: len(all[i].objects), index: i}
		j := all[i].match(score)
		for k, o := range j.outcome {
			class := &byClass[j.kept[k].class-1]
			switch o {
			case right:
				p.Found++
				class.Found++
			case wrong:
				p.False++
				class.False++
			}
		}
		for k, a := range all[i].objects {
			byClass[a.Class-1].Objects++
			if j.missed[k] {
				p.Missed++
				byClass[a.Class-1].Missed++
			}
		}
	}
	return list, byClass
}
