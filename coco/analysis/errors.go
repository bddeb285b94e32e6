package analysis

import (
	"cmp"
	"slices"

	"scalenet/coco"
)

// Kinds of errors, as TIDE (Bolya et al., ECCV 2020) divides them.
const (
	Classification = iota // IoU of 0.5 or more with an object of another class
	Localisation          // IoU of 0.1 to 0.5 with an object of its class
	Both                  // IoU of 0.1 to 0.5 with an object of another class
	Duplicate             // of an object that a better detection has found
	Background            // IoU below 0.1 with every object
	Missed                // an object that no classification or localisation error is about
	numKinds
)

// KindNames are the names of the kinds of errors.
func KindNames() [numKinds]string {
	return [numKinds]string{"classification", "localisation", "both", "duplicate", "background", "missed"}
}

const (
	foundAt      = 0.5 // IoU from which an object is found
	backgroundAt = 0.1 // IoU up to which a detection has nothing to do with an object
)

// ErrorBreakdown says what average precision at IoU 0.5 would be without the errors of a kind. Its figures are tidecv's, but that
// they are shares, not percentages, and that classes without objects are left out of all means, as in COCO's figures (tidecv
// counts them as 0). They differ a little from coco's AP50: 100 detections of an image count, not of an image and class.
type ErrorBreakdown struct {
	AP50  float64           `json:"ap50"`
	Kinds [numKinds]string  `json:"kinds"` // KindNames: the order of all lists
	Loss  [numKinds]float64 `json:"loss"`  // AP50 gained if the errors of the kind were corrected
	Count [numKinds]int     `json:"count"` // errors of the kind
	// FalsePositives is what would be gained if every false positive scored below all true ones, FalseNegatives what would be if
	// only found objects counted.
	FalsePositives float64 `json:"false_positives"`
	FalseNegatives float64 `json:"false_negatives"`
	// ByClass are the errors of each class: that of the detection, or of the missed object.
	ByClass [][numKinds]int `json:"-"`
}

// Errors divides the errors of detections into kinds.
func Errors(gt *coco.Dataset, dt *coco.Results) ErrorBreakdown { return errorsOf(gt, scenes(gt, dt)) }

func errorsOf(gt *coco.Dataset, all []scene) ErrorBreakdown {
	b := newBreakdown(gt)
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
	missed  []int     // not found, whatever errors are about them
	points  [][]point // detections, as they came
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

// target is an object of the image at hand.
type target struct {
	*coco.Annotation
	found   bool
	usable  bool // correcting an error would find it
	best    float64
	bestRow int // the detection that would
}

func newBreakdown(gt *coco.Dataset) *breakdown {
	n := len(gt.Categories)
	b := &breakdown{objects: make([]int, n), counted: make([]bool, n), missed: make([]int, n), points: make([][]point, n)}
	for i := range gt.Annotations {
		if a := &gt.Annotations[i]; !a.Ignored() {
			b.objects[a.Class-1]++
			b.counted[a.Class-1] = true
		}
	}
	return b
}

// scene matches the detections of an image and names its errors.
func (b *breakdown) scene(s *scene) {
	targets := make([]target, len(s.objects))
	for i, a := range s.objects {
		targets[i] = target{Annotation: a}
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
	for i := range detections {
		d := &detections[i]
		ignored := !found[i] && s.inIgnored(d, foundAt)
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

// explain finds the kind of a false detection.
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

// without is the mean average precision with the errors of a kind corrected.
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

// averagePrecision reads the curve at 101 points.
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
