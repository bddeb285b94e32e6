package analysis

import (
	"cmp"
	"slices"

	"scalenet/coco"
)

// VOCFigures are the APs of Pascal VOC at one IoU threshold, -1 for a class without objects.
type VOCFigures struct {
	ElevenPoints float64 `json:"voc07"` // VOC 2007: 11-point interpolated AP
	Area         float64 `json:"voc10"` // VOC 2010 and later: the area under the monotone curve
}

// VOC returns the APs of each class and their mean over the classes with objects. A detection is compared only with the object of
// highest IoU of its class. If that object is already matched, the detection is a false positive, unlike in COCO. Difficult and
// ignored objects count neither as found nor as missed.
func VOC(gt *coco.Dataset, dt *coco.Results, iou float64) (mean VOCFigures, classes []VOCFigures) {
	return vocOf(gt, scenes(gt, dt), iou)
}

func vocOf(gt *coco.Dataset, scenes []scene, iou float64) (mean VOCFigures, classes []VOCFigures) {
	all, objects := make([][]point, len(gt.Categories)), make([]int, len(gt.Categories))
	for i := range scenes {
		vocScene(&scenes[i], iou, all)
		for _, a := range scenes[i].objects {
			if !a.Difficult {
				objects[a.Class-1]++
			}
		}
	}
	n := 0.0
	for k, points := range all {
		f := VOCFigures{-1, -1}
		if objects[k] > 0 {
			f = vocFigures(points, objects[k])
			mean.ElevenPoints += f.ElevenPoints
			mean.Area += f.Area
			n++
		}
		classes = append(classes, f)
	}
	if n == 0 {
		return VOCFigures{-1, -1}, classes
	}
	return VOCFigures{mean.ElevenPoints / n, mean.Area / n}, classes
}

func vocIgnored(a *coco.Annotation) bool { return a.Difficult || a.IgnoredInEvaluation() }

// vocScene appends the detections of an image to the points of their classes.
func vocScene(s *scene, iou float64, all [][]point) {
	objects := append(slices.Clone(s.objects), s.ignored...)
	found := make([]bool, len(objects))
	for i := range s.detections {
		d := &s.detections[i]
		at, best := -1, 0.0
		for j, a := range objects {
			if a.Class == d.class {
				if v := coco.Overlap(d.box, &a.Box, a.Crowd); v > best {
					at, best = j, v
				}
			}
		}
		p := point{score: d.score}
		if at >= 0 && best >= iou {
			if vocIgnored(objects[at]) {
				continue
			}
			p.correct, found[at] = !found[at], true
		}
		all[d.class-1] = append(all[d.class-1], p)
	}
}

func vocFigures(points []point, objects int) (f VOCFigures) {
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(b.score, a.score) })
	var precision, recall []float64 // at true positives: between them precision only falls
	found := 0
	for i, p := range points {
		if p.correct {
			found++
			precision, recall = append(precision, float64(found)/float64(i+1)), append(recall, float64(found)/float64(objects))
		}
	}
	for i := len(precision) - 1; i > 0; i-- {
		precision[i-1] = max(precision[i-1], precision[i])
	}
	from := 0.0
	for i, r := range recall {
		f.Area += (r - from) * precision[i]
		from = r
	}
	const steps = 11
	tenth, at := 0.1, 0
	for t := range steps {
		for at < len(recall) && recall[at] < float64(t)*tenth { // numpy's arange(0, 1.1, 0.1), as in the devkit's ports
			at++
		}
		if at < len(recall) {
			f.ElevenPoints += precision[at] / steps
		}
	}
	return f
}
