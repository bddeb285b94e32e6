package threshold

import (
	"errors"
	"math"
	"slices"

	"scalenet/coco"
)

// Options of Choose.
type Options struct {
	Resamples int // number of bootstrap resamples; 1000 gives intervals to a few percent of their width
	Seed      uint64
}

// Choose chooses the threshold of each class of the ground truth gt from the detections dt. Equal inputs give equal results.
func Choose(gt *coco.Dataset, dt *coco.Results, r Rule, o Options) (*Chosen, error) {
	if o.Resamples < 1 {
		return nil, errors.New("resamples: want at least 1")
	}
	e, err := coco.Evaluator{Ranking: true}.Evaluate(gt, dt)
	if err != nil {
		return nil, err
	}
	list := curves(e, dt)
	names := append(gt.ClassNames(), "all")
	once := slices.Repeat([]int32{1}, len(gt.Images))
	choices := make([]choice, len(list))
	for k := range list {
		choices[k].decide(&list[k], r, once, names[k], o.Resamples)
	}
	coco.Bootstrap(gt, o.Resamples, o.Seed, func(_ *struct{}, n int, d *coco.Resample) {
		objects := 0
		for k := range choices {
			if k < len(d.Objects) {
				objects += d.Objects[k]
				choices[k].resample(r, n, d.Weight, d.Objects[k])
			} else {
				choices[k].resample(r, n, d.Weight, objects)
			}
		}
	})
	chosen := &Chosen{Rule: r.String(), Images: len(gt.Images), Resamples: o.Resamples, Classes: make([]Class, len(list)-1)}
	for k := range choices {
		choices[k].addIntervals()
	}
	for k := range chosen.Classes {
		chosen.Classes[k] = choices[k].Class
	}
	chosen.All = choices[len(list)-1].Class
	return chosen, nil
}

// choice is the choice for a class in the making, with a value per resample, NaN where there is none.
type choice struct {
	Class
	curve                             *curve
	thresholds, precision, recall, f1 []float64
}

// decide chooses the threshold.
func (c *choice) decide(from *curve, r Rule, once []int32, name string, resamples int) {
	c.curve, c.Class = from, Class{Name: name, Objects: from.objects}
	threshold, at, best, ok := r.pick(from, once, from.objects)
	if !ok {
		c.Reason = r.missed(from.objects, len(from.rows), best)
		return
	}
	c.Point = &Point{Estimate{Value: threshold}, Estimate{Value: at.precision()}, Estimate{Value: at.recall()}, Estimate{Value: at.f1()}}
	for _, values := range []*[]float64{&c.thresholds, &c.precision, &c.recall, &c.f1} {
		*values = slices.Repeat([]float64{math.NaN()}, resamples)
	}
}

// resample records what resample n gives.
func (c *choice) resample(r Rule, n int, weight []int32, objects int) {
	if c.Point == nil {
		return
	}
	if threshold, _, _, ok := r.pick(c.curve, weight, objects); ok {
		c.thresholds[n] = threshold
	}
	at := c.curve.countsAt(c.Point.Threshold.Value, weight, objects)
	if at.shown > 0 {
		c.precision[n] = at.precision()
	}
	if at.objects > 0 {
		c.recall[n] = at.recall()
	}
	if at.shown+at.objects > 0 {
		c.f1[n] = at.f1()
	}
}

// addIntervals computes the intervals from the resamples.
func (c *choice) addIntervals() {
	if c.Point == nil {
		return
	}
	c.Fulfilled = c.Point.Threshold.addInterval(c.thresholds)
	c.Point.Precision.addInterval(c.precision)
	c.Point.Recall.addInterval(c.recall)
	c.Point.F1.addInterval(c.f1)
}

// addInterval sets the interval from the values that are not NaN, and returns their number. Without any the interval is everything.
func (e *Estimate) addInterval(values []float64) int {
	values = slices.DeleteFunc(values, math.IsNaN)
	e.Low, e.High = 0, 1
	if len(values) > 0 {
		e.Low, e.High = coco.Interval95(values)
	}
	return len(values)
}
