package analysis

import (
	"cmp"
	"slices"

	"scalenet/coco"
)

// maxDetections is the maximum number of detections per image, of all classes together, in Errors and Confusion, as in TIDE and hotcoco.
const maxDetections = 100

// scene is an image.
type scene struct {
	objects    []*coco.Annotation
	ignored    []*coco.Annotation
	detections []detection // the highest score first
}

type detection struct {
	row   int // of the results
	class int // as Annotation.Class
	box   *[4]float64
	score float64
}

// scenes sorts objects and detections by image. Detections of unknown categories and images are left out,
// because the evaluator has counted or refused them.
func scenes(gt *coco.Dataset, dt *coco.Results) []scene {
	all := make([]scene, len(gt.Images))
	image, class := make(map[int64]int, len(gt.Images)), make(map[int64]int, len(gt.Categories))
	for i, m := range gt.Images {
		image[m.ID] = i
		for _, at := range gt.Objects(i) {
			if a := &gt.Annotations[at]; a.IgnoredInEvaluation() {
				all[i].ignored = append(all[i].ignored, a)
			} else {
				all[i].objects = append(all[i].objects, a)
			}
		}
	}
	for i, c := range gt.Categories {
		class[c.ID] = i + 1
	}
	for row, score := range dt.Score {
		at, known := image[dt.Image[row]]
		if k := class[dt.Category[row]]; known && k > 0 {
			all[at].detections = append(all[at].detections, detection{row, k, &dt.Box[row], score})
		}
	}
	for i := range all {
		slices.SortStableFunc(all[i].detections, func(a, b detection) int { return cmp.Compare(b.score, a.score) })
	}
	return all
}

// ignoring finds the ignored detections of an image, of those that match no object that counts.
type ignoring struct {
	objects []*coco.Annotation
	taken   []bool // by object
	iou     float64
}

func (s *scene) ignoring(iou float64) ignoring {
	return ignoring{s.ignored, make([]bool, len(s.ignored)), iou}
}

// takes reports whether the next detection is ignored. As in the evaluator, it matches the ignored object of its class of highest IoU. Each is matched
// once, a crowd any number of times.
func (g *ignoring) takes(d *detection) bool {
	at, best := -1, g.iou
	for i, a := range g.objects {
		if a.Class != d.class || g.taken[i] && !a.Crowd {
			continue
		}
		if iou := coco.Overlap(d.box, &a.Box, a.Crowd); iou >= best {
			at, best = i, iou
		}
	}
	if at < 0 {
		return coco.IgnoredUnmatched(d.box)
	}
	g.taken[at] = true
	return true
}
