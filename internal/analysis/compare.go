package analysis

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"scalenet/coco"
)

// Comparison compares two results files on the same ground truth.
type Comparison struct {
	First     Contestant    `json:"first"`
	Second    Contestant    `json:"second"`
	AP        Change        `json:"ap"`
	Resamples int           `json:"resamples"`
	Classes   []ClassChange `json:"classes"`   // in descending order of the change
	PerImage  []ImageChange `json:"per_image"` // those with more or fewer mistakes, the most improved first
}

// Contestant is one of the two results files.
type Contestant struct {
	Results  string         `json:"results"`
	Unlisted int            `json:"unlisted"` // detections of categories that are no classes of the ground truth
	Stats    coco.Stats     `json:"stats"`
	Point    OperatingPoint `json:"operating_point"`
}

// Change is a difference, second minus first, with its 95 % bootstrap confidence interval from Low to High, from resampling
// images.
type Change struct {
	First  float64 `json:"first"`
	Second float64 `json:"second"`
	Delta  float64 `json:"change"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Chance reports whether the change is not significant: the confidence interval contains 0.
func (c Change) Chance() bool { return c.Low <= 0 && c.High >= 0 }

// ClassChange is the change of a class's AP.
type ClassChange struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Objects int    `json:"objects"`
	Change
}

// ImageChange counts mistakes (missed objects and false positives) at IoU 0.5 and each file's own operating point.
type ImageChange struct {
	ID     int64  `json:"id"`
	File   string `json:"file,omitempty"`
	First  int    `json:"first"`
	Second int    `json:"second"`
}

// CompareOptions are the options of Compare.
type CompareOptions struct {
	Evaluator coco.Evaluator
	Score     float64 // minimum score at both operating points; 0: the score of highest F1 of each file
	Resamples int     // number of bootstrap resamples; 1000 gives intervals to a few percent of their width
	Seed      uint64
}

// Compare evaluates both results and returns the differences.
func Compare(gt *coco.Dataset, first, second *coco.Results, o CompareOptions) (*Comparison, error) {
	if o.Resamples < 1 {
		return nil, errors.New("resamples: want at least 1")
	}
	o.Evaluator.Ranking = true
	c := &Comparison{Resamples: o.Resamples, Classes: []ClassChange{}, PerImage: []ImageChange{}}
	var evaluations [2]*coco.Evaluation
	var counts [2][]Image
	for i, dt := range []*coco.Results{first, second} {
		e, err := o.Evaluator.Evaluate(gt, dt)
		if err != nil {
			return nil, err
		}
		evaluations[i] = e
		side := []*Contestant{&c.First, &c.Second}[i]
		*side = Contestant{dt.Path, e.Unlisted, e.Stats, operatingPoint(e, dt, o.Score)}
		counts[i], _ = perImage(gt, scenes(gt, dt), side.Point.Score)
	}
	for i, p := range counts[0] {
		if q := counts[1][i]; p.Mistakes() != q.Mistakes() {
			c.PerImage = append(c.PerImage, ImageChange{p.ID, p.File, p.Mistakes(), q.Mistakes()})
		}
	}
	slices.SortStableFunc(c.PerImage, func(a, b ImageChange) int { return cmp.Compare(a.Second-a.First, b.Second-b.First) })
	c.addChanges(gt, evaluations, o)
	return c, nil
}

func (c *Comparison) addChanges(gt *coco.Dataset, e [2]*coco.Evaluation, o CompareOptions) {
	b := newBootstrap(gt, e, o)
	c.AP = b.change(len(gt.Categories), c.First.Stats.AP(), c.Second.Stats.AP())
	names := coco.UniqueNames(gt.Categories)
	for k, class := range e[0].Classes {
		if class.Objects > 0 {
			c.Classes = append(c.Classes, ClassChange{class.ID, names[k], class.Objects,
				b.change(k, class.Stats.AP(), e[1].Classes[k].Stats.AP())})
		}
	}
	slices.SortStableFunc(c.Classes, func(a, b ClassChange) int {
		return cmp.Compare(math.Abs(b.Delta), math.Abs(a.Delta))
	})
}

// bootstrap evaluates both files on resamples of the images.
type bootstrap struct {
	e          [2]*coco.Evaluation
	difference [][]int32 // by class (the last row is the mean): AP per resample, second minus first, in units of 1e-8
}

// none marks a resample without objects of a class.
const none = math.MinInt32

func newBootstrap(gt *coco.Dataset, e [2]*coco.Evaluation, o CompareOptions) *bootstrap {
	b := &bootstrap{e: e, difference: make([][]int32, len(gt.Categories)+1)}
	for k := range b.difference {
		b.difference[k] = make([]int32, o.Resamples)
	}
	coco.Bootstrap(gt, o.Resamples, o.Seed, b.evaluate)
	return b
}

// evaluate evaluates resample n.
func (b *bootstrap) evaluate(weigher *coco.Weigher, n int, d *coco.Resample) {
	sum, counted := 0.0, 0
	for k, objects := range d.Objects {
		b.difference[k][n] = none
		if objects == 0 {
			continue
		}
		diff := weigher.AP(&b.e[1].Rankings[k], objects, d.Weight) - weigher.AP(&b.e[0].Rankings[k], objects, d.Weight)
		b.difference[k][n] = int32(math.Round(diff * 1e8))
		sum += diff
		counted++
	}
	b.difference[len(d.Objects)][n] = none
	if counted > 0 {
		b.difference[len(d.Objects)][n] = int32(math.Round(sum / float64(counted) * 1e8))
	}
}

// change returns the measured difference with the middle 95 % of the resampled differences.
func (b *bootstrap) change(k int, first, second float64) Change {
	c := Change{First: first, Second: second, Delta: second - first}
	drawn := slices.DeleteFunc(slices.Clone(b.difference[k]), func(v int32) bool { return v == none })
	if len(drawn) == 0 {
		return c
	}
	low, high := coco.Interval95(drawn)
	c.Low, c.High = float64(low)/1e8, float64(high)/1e8
	return c
}
