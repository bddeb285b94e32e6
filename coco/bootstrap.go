package coco

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Resample is a bootstrap resample of the images of a data set: as many images, drawn with replacement.
type Resample struct {
	Weight  []int32 // by image: how often it was drawn
	Objects []int   // by class, from 0: objects of the drawn images that the evaluation does not ignore
}

// Bootstrap calls work for resamples 0..n-1 of the images, on GOMAXPROCS goroutines, each with its own scratch. Images, not
// detections, are the independent samples of the population. Resample i depends only on the data set, the seed and i. It must not be kept.
func Bootstrap[S any](gt *Dataset, n int, seed uint64, work func(scratch *S, i int, d *Resample)) {
	objects, from := objectsByImage(gt)
	type drawer struct {
		scratch S
		Resample
	}
	parallel(n, func(d *drawer, i int) {
		if d.Weight == nil {
			d.Resample = Resample{make([]int32, len(gt.Images)), make([]int, len(gt.Categories))}
		}
		d.draw(rand.New(rand.NewPCG(seed, uint64(i))), objects, from)
		work(&d.scratch, i, &d.Resample)
	})
}

// draw replaces the resample. The classes of the objects of image i are objects[from[i]:from[i+1]].
func (d *Resample) draw(random *rand.Rand, objects, from []int32) {
	clear(d.Weight)
	clear(d.Objects)
	for range d.Weight {
		i := random.IntN(len(d.Weight))
		d.Weight[i]++
		for _, class := range objects[from[i]:from[i+1]] {
			d.Objects[class]++
		}
	}
}

// objectsByImage returns the classes, from 0, of the objects that the evaluation does not ignore, and where those of each image begin.
func objectsByImage(gt *Dataset) (objects, from []int32) {
	for i := range gt.Images {
		from = append(from, int32(len(objects)))
		for _, at := range gt.Objects(i) {
			if a := &gt.Annotations[at]; !a.IgnoredInEvaluation() {
				objects = append(objects, int32(a.Class-1))
			}
		}
	}
	return objects, append(from, int32(len(objects)))
}

// Interval95 returns the bounds of the middle 95 % of the values, which it sorts. There must be at least one.
func Interval95[T cmp.Ordered](values []T) (low, high T) {
	slices.Sort(values)
	at := func(share float64) T { return values[int(math.Round(share*float64(len(values)-1)))] }
	return at(0.025), at(0.975)
}
