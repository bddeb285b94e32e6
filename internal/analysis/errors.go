package analysis

import (
	"cmp"
	"slices"

	"scalenet/coco"
)

// Types of errors, as in TIDE (Bolya et al., ECCV 2020).
const (
	Classification = iota // IoU of 0.5 or more with an object of another class
	Localisation          // IoU of 0.1 to 0.5 with an object of its class
	Both                  // IoU of 0.1 to 0.5 with an object of another class
	Duplicate             // the object is already matched by a detection of higher score
	Background            // IoU below 0.1 with every object
	Missed                // an object not detected and not involved in a classification or localisation error
	numKinds
)

// KindNames are the names of the types of errors.
func KindNames() [numKinds]string {
	return [numKinds]string{"classification", "localisation", "both", "duplicate", "background", "missed"}
}

const (
	foundAt      = 0.5 // minimum IoU of a match
	backgroundAt = 0.1 // maximum IoU of a background error
)

// ErrorBreakdown has the AP50 that each type of error costs. Values equal those of tidecv with two exceptions: they are fractions,
// not percentages, and means exclude classes without objects, as in COCO (tidecv counts them as 0). AP50 differs slightly from that
// of package coco, because 100 detections per image count, not per image and class.
type ErrorBreakdown struct {
	AP50  float64           `json:"ap50"`
	Kinds [numKinds]string  `json:"kinds"` // KindNames, the order of all arrays
	Loss  [numKinds]float64 `json:"loss"`  // AP50 gained by correcting the errors of the type
	Count [numKinds]int     `json:"count"` // number of errors of the type
	// FalsePositives is the AP50 gained if all false positives scored below all true positives, FalseNegatives if missed
	// objects did not count.
	FalsePositives float64 `json:"false_positives"`
	FalseNegatives float64 `json:"false_negatives"`
	// ByClass counts errors by the class of the detection, or of the missed object.
	ByClass [][numKinds]int `json:"-"`
}

// Errors classifies the errors of the detections by type.
func Errors(gt *coco.Dataset, dt *coco.Results) ErrorBreakdown { return errorsOf(gt, scenes(gt, dt)) }

func errorsOf(gt *coco.Dataset, all []scene) ErrorBreakdown {
	b := newBreakdown(len(gt.Categories))
	for i := range all {
		b.scene(&all[i])
	}
	result := ErrorBreakdown{Kinds: KindNames(), ByClass: make([][numKinds]int, len(gt.Categories))}
	result.AP50 = b.meanAP(b.points, b.objects)
	for _, e := range b.errors {
		result.Count[e.kind]++
		result.ByClass[e.class][e.kind]++
	}
	for kind := range numKinds {
		result.Loss[kind] = max(0, b.without(kind)-result.AP50)
	}
	result.FalsePositives = b.meanAP(b.correctFirst(), b.objects) - result.AP50
	found := slices.Clone(b.objects)
	for k := range found {
		found[k] -= b.missed[k]
	}
	result.FalseNegatives = b.meanAP(b.ordered(func(e *mistake) (int, point, bool) { return e.original() }), found) - result.AP50
	return result
}

// breakdown collects what is needed of all images. Classes are numbered from 0.
type breakdown struct {
	objects []int // that are not ignored
	counted []bool
	missed  []int     // not found
	points  [][]point // detections, in input order
	errors  []mistake
}

// point is a detection on a class's curve.
type point struct {
	score   float64
	correct bool
}

// mistake is a false detection or a missed object. For a detection on an ignored region there is no point.
type mistake struct {
	kind, class int
	score       float64
	ignored     bool
	row         int
	target      *target // of a classification or localisation error
}

// target is an object of the current image.
type target struct {
	*coco.Annotation
	found   bool
	usable  bool // correcting an error would find it
	best    float64
	bestRow int // the detection that would
}

func newBreakdown(classes int) *breakdown {
	return &breakdown{objects: make([]int, classes), counted: make([]bool, classes), missed: make([]int, classes), points: make([][]point, classes)}
}

// scene matches the detections of an image and classifies its errors.
func (b *breakdown) scene(s *scene) {
	targets := make([]target, len(s.objects))
	for i, a := range s.objects {
		targets[i] = target{Annotation: a}
		b.objects[a.Class-1]++
		b.counted[a.Class-1] = true
	}
	detections := s.detections[:min(len(s.detections), maxDetections)]
	overlaps := make([][]float64, len(detections))
	found := make([]bool, len(detections))
	for i := range detections {
		d := &detections[i]
		overlaps[i] = make([]float64, len(targets))
		best, at := 0.0, -1
		for j := range targets {
			iou := coco.Overlap(d.box, &targets[j].Box, false)
			overlaps[i][j] = iou
			if targets[j].Class == d.class && !targets[j].found && iou > best {
				best, at = iou, j
			}
		}
		if best >= foundAt {
			found[i], targets[at].found = true, true
		}
	}
	ignoring := s.ignoring(foundAt)
	for i := range detections {
		d := &detections[i]
		ignored := !found[i] && ignoring.takes(d)
		if !ignored {
			b.points[d.class-1] = append(b.points[d.class-1], point{d.score, found[i]})
		}
		if !found[i] {
			e := mistake{class: d.class - 1, score: d.score, ignored: ignored, row: d.row}
			e.explain(d, targets, overlaps[i])
			b.errors = append(b.errors, e)
		}
	}
	for j := range targets {
		t := &targets[j]
		if t.found {
			continue
		}
		b.missed[t.Class-1]++
		if !t.usable {
			b.errors = append(b.errors, mistake{kind: Missed, class: t.Class - 1})
		}
	}
}

// explain returns the type of error of a false positive.
func (e *mistake) explain(d *detection, targets []target, overlaps []float64) {
	own, other, taken, any := 0, 0, 0.0, 0.0 // the largest overlaps: with its class, another one, a found object of its class, any
	ownIoU, otherIoU := 0.0, 0.0
	for j, iou := range overlaps {
		any = max(any, iou)
		if targets[j].Class != d.class {
			if iou > otherIoU {
				other, otherIoU = j, iou
			}
			continue
		}
		if iou > ownIoU {
			own, ownIoU = j, iou
		}
		if targets[j].found {
			taken = max(taken, iou)
		}
	}
	switch {
	case len(targets) == 0:
		e.kind = Background
	case backgroundAt <= ownIoU && ownIoU <= foundAt:
		e.kind = Localisation
		e.aim(&targets[own])
	case otherIoU >= foundAt:
		e.kind = Classification
		e.aim(&targets[other])
	case taken >= foundAt:
		e.kind = Duplicate
	case any <= backgroundAt:
		e.kind = Background
	default:
		e.kind = Both
	}
}

// aim names the object that the detection would find if it were corrected; of several the one with the highest score does.
func (e *mistake) aim(t *target) {
	e.target = t
	if !t.found && (!t.usable || t.best < e.score) {
		t.usable, t.best, t.bestRow = true, e.score, e.row
	}
}

func (e *mistake) original() (class int, p point, ok bool) {
	return e.class, point{e.score, false}, e.kind != Missed && !e.ignored
}

func (e *mistake) corrected() (class int, p point, ok bool) {
	if e.target == nil || e.target.found || e.target.bestRow != e.row {
		return 0, point{}, false
	}
	return e.target.Class - 1, point{e.score, true}, true
}

// without returns the mean AP with the errors of a type corrected.
func (b *breakdown) without(kind int) float64 {
	objects := slices.Clone(b.objects)
	points := b.ordered(func(e *mistake) (int, point, bool) {
		if e.kind != kind {
			return e.original()
		}
		if kind == Missed {
			objects[e.class]--
		}
		return e.corrected()
	})
	return b.meanAP(points, objects)
}

// ordered are the points of errors, changed as wanted, before those of true positives: tidecv's order, which decides between
// equal scores.
func (b *breakdown) ordered(change func(e *mistake) (int, point, bool)) [][]point {
	points := make([][]point, len(b.points))
	for i := range b.errors {
		if class, p, ok := change(&b.errors[i]); ok {
			points[class] = append(points[class], p)
		}
	}
	for k, all := range b.points {
		for _, p := range all {
			if p.correct {
				points[k] = append(points[k], p)
			}
		}
	}
	return points
}

// correctFirst gives true positives a higher score than all others.
func (b *breakdown) correctFirst() [][]point {
	points := make([][]point, len(b.points))
	for k, all := range b.points {
		for _, p := range all {
			p.score = 0
			if p.correct {
				p.score = 1
			}
			points[k] = append(points[k], p)
		}
	}
	return points
}

// meanAP is the mean over the classes that have objects, before or after a correction detections or objects.
func (b *breakdown) meanAP(points [][]point, objects []int) float64 {
	sum, n := 0.0, 0
	for k := range points {
		if b.counted[k] && (len(points[k]) > 0 || objects[k] > 0) {
			sum += averagePrecision(points[k], objects[k])
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// averagePrecision returns the AP from 101 recall points.
func averagePrecision(points []point, objects int) float64 {
	if objects == 0 {
		return 0
	}
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(b.score, a.score) })
	precision, recall := make([]float64, len(points)), make([]float64, len(points))
	found := 0
	for i, p := range points {
		if p.correct {
			found++
		}
		precision[i], recall[i] = float64(found)/float64(i+1), float64(found)/float64(objects)
	}
	for i := len(precision) - 1; i > 0; i-- {
		precision[i-1] = max(precision[i-1], precision[i])
	}
	sum, at := 0.0, 0
	const last = 100
	for r := range last + 1 {
		for at < len(recall) && recall[at] < float64(r)/last {
			at++
		}
		if at == len(recall) {
			break
		}
		sum += precision[at]
	}
	return sum / (last + 1)
}
