package recipe

import (
	"fmt"
	"math"
	"slices"

	"scalenet/detector"
	"scalenet/geom"
	"scalenet/rpn"
)

// maxShapes is the number of objects that anchors are fitted to; more say nothing new.
const maxShapes = 2000

// worthwhile is the gain of the mean IoU for which anchors differ from those of the
// network, whose RPN may be trained on them.
const worthwhile = 0.015

// fit measures how well anchors fit the objects, as means over the classes.
type fit struct {
	// recall is the fraction of objects that have an anchor with IoU 0.5.
	recall float64
	// score is the mean IoU of each object with its best anchor, at most the RPN's
	// foreground_iou: a better one is no gain.
	score float64
}

func (f fit) String() string { return fmt.Sprintf("%.0f %%", 100*f.recall) }

// anchors derives sizes and ratios of the anchors, and whether the pyramid needs its extra level.
func (r *Recipe) anchors(l Look) error {
	boxes := r.inputBoxes(l)
	before, err := r.fit(r.Config, boxes)
	if err != nil {
		return err
	}
	best, now := before, r.Config
	for _, c := range r.anchorCandidates(boxes) {
		f, err := r.fit(c, boxes)
		if err != nil {
			return err
		}
		if f.score > best.score+1e-9 && f.recall >= before.recall {
			best, now = f, c
		}
	}
	if best.score < before.score+worthwhile {
		r.note("rpn.anchors", "the network's", fmt.Sprintf("%s of the objects of a class (mean) have an anchor with IoU 0.5", before))
		return nil
	}
	extra := now.Neck != nil && now.Neck.ExtraLevel != r.Config.Neck.ExtraLevel
	r.Config = now
	a := now.RPN.Anchors
	r.note("rpn.anchors.sizes", fmt.Sprint(a.Sizes), fmt.Sprintf("%s of the objects of a class (mean) have an anchor with IoU 0.5; with the network's anchors %s", best, before))
	r.note("rpn.anchors.ratios", fmt.Sprint(a.Ratios), "height / width")
	if extra {
		r.note("neck.extra_level", fmt.Sprint(now.Neck.ExtraLevel), "for the largest objects")
	}
	return nil
}

// object is a box in pixels of the network's input. The weights of all objects of a class sum to 1 / classes.
type object struct {
	geom.Box
	weight float64
}

// inputBoxes returns at most maxShapes objects, evenly chosen.
func (r *Recipe) inputBoxes(l Look) []object {
	every := (len(l.shapes) + maxShapes - 1) / maxShapes
	in := r.Config.Input
	var boxes []object
	var classes []int
	count := map[int]int{}
	for i := 0; i < len(l.shapes); i += every {
		s := l.shapes[i]
		w, h := in.Rounding.Fit(s.image.W, s.image.H, in.TestShorter, in.TestLongest)
		boxes = append(boxes, object{Box: s.box.Scale(float32(w)/float32(s.image.W), float32(h)/float32(s.image.H))})
		classes = append(classes, s.class)
		count[s.class]++
	}
	for i, class := range classes {
		boxes[i].weight = 1 / float64(len(count)*count[class])
	}
	return boxes
}

// anchorCandidates are configurations with other sizes, ratios and levels, as far as these keys are not given.
func (r *Recipe) anchorCandidates(boxes []object) (list []detector.Config) {
	base := r.Config
	factors := []float64{1}
	if !r.given("rpn.anchors.sizes") {
		factors = []float64{0.5, 0.625, 0.75, 0.875, 1, 1.25, 1.5, 1.75, 2, 2.5, 3}
	}
	ratios := [][]float64{base.RPN.Anchors.Ratios}
	if own := ratiosOf(boxes, len(base.RPN.Anchors.Ratios)); !r.given("rpn.anchors.ratios") {
		ratios = append(ratios, own)
	}
	levels := []bool{false}
	if base.Neck != nil && base.RPN.Anchors.SizePerLevel && !base.Neck.ExtraLevel && !r.given("neck.extra_level") && !r.given("rpn.anchors.sizes") {
		levels = append(levels, true)
	}
	for _, extra := range levels {
		for _, f := range factors {
			for _, ratio := range ratios {
				c := base
				c.RPN.Anchors.Ratios = ratio
				c.RPN.Anchors.Sizes = scaled(base.RPN.Anchors.Sizes, f)
				if extra {
					neck := *base.Neck
					neck.ExtraLevel = true
					c.Neck = &neck
					sizes := c.RPN.Anchors.Sizes
					c.RPN.Anchors.Sizes = append(sizes, 2*sizes[len(sizes)-1])
				}
				list = append(list, c)
			}
		}
	}
	return list
}

func scaled(sizes []float64, factor float64) []float64 {
	out := make([]float64, len(sizes))
	for i, s := range sizes {
		out[i] = s * factor
	}
	return out
}

// ratiosOf returns n ratios height / width: the medians of n equal groups of the boxes, sorted by ratio.
func ratiosOf(boxes []object, n int) []float64 {
	ratios := make([]float64, n)
	for i := range ratios {
		q := (float64(i) + 0.5) / float64(n)
		r := quantile(boxes, q, func(b object) float64 { return float64(b.Y2-b.Y1) / float64(b.X2-b.X1) })
		ratios[i] = math.Round(100*min(max(r, 0.1), 10)) / 100
	}
	slices.Sort(ratios)
	return ratios
}

// fit measures the anchors of a configuration.
func (r *Recipe) fit(c detector.Config, boxes []object) (f fit, err error) {
	strides, err := c.Strides()
	if err != nil {
		return f, err
	}
	for _, b := range boxes {
		best := 0.0
		for i, stride := range strides {
			best = max(best, bestIoU(c.RPN.Anchors.Level(i, stride), b.Box))
		}
		f.score += b.weight * min(best, c.RPN.Targets.ForegroundIoU)
		if best >= 0.5 {
			f.recall += b.weight
		}
	}
	return f, nil
}

// bestIoU returns the IoU of a box with the best anchor of the nearest cell of a level.
func bestIoU(a rpn.Anchors, b geom.Box) (best float64) {
	s := float32(a.Stride)
	nearest := func(low, high float32) float32 { return s * float32(math.Round(float64((low+high)/2/s))) }
	x, y := nearest(b.X1, b.X2), nearest(b.Y1, b.Y2)
	b = geom.Box{X1: b.X1 - x, Y1: b.Y1 - y, X2: b.X2 - x, Y2: b.Y2 - y}
	for _, cell := range a.Cell() {
		best = max(best, float64(geom.Continuous.IoU(cell, b)))
	}
	return best
}
