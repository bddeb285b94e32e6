package coco

import (
	"math"
	"math/rand/v2"
)

// repeatFactors returns how often each image is used in an epoch, on average: the repeat factors of LVIS and of detectron2's
// RepeatFactorTrainingSampler. A class that is in the fraction f of the images has the factor max(1, sqrt(threshold/f)), an image the largest factor of
// its classes. Ignored objects and boxes without an area do not count.
func repeatFactors(d *Dataset, images []int, threshold float64) []float64 {
	with := make([]int, len(d.Categories)+1) // images with a class
	seen := make([]int, len(d.Categories)+1) // the last image with a class, counted from 1
	for k, i := range images {
		for _, class := range d.trained(i) {
			if seen[class] != k+1 {
				seen[class] = k + 1
				with[class]++
			}
		}
	}
	factors := make([]float64, len(d.Images))
	for _, i := range images {
		factors[i] = 1
		for _, class := range d.trained(i) {
			f := float64(with[class]) / float64(len(images))
			factors[i] = max(factors[i], math.Sqrt(threshold/f))
		}
	}
	return factors
}

// trained returns the classes of the objects of image i that are trained on.
func (d *Dataset) trained(i int) (classes []int) {
	for _, at := range d.Objects(i) {
		if a := &d.Annotations[at]; !a.Empty() && !a.Ignored() {
			classes = append(classes, a.Class)
		}
	}
	return classes
}

// totalFactor is the number of images of an epoch: the sum of the repeat factors, rounded up.
func totalFactor(images []int, factors []float64) int {
	sum := 0.0
	for _, i := range images {
		sum += factors[i]
	}
	return int(math.Ceil(sum - 1e-9*float64(len(images)))) // sums of ones, however they were rounded
}

// sampled returns each image as often as its factor says, rounded down or up at random so that the mean over epochs is the factor. detectron2 rounds
// each image by itself, so that its epochs differ in length. Here the factors are laid end to end and images are taken at a distance of 1 from a random
// start, which gives n or n-1 images. In the latter case the first image is added, so that every epoch has n.
func sampled(images []int, factors []float64, n int, random *rand.Rand) []int {
	all := make([]int, 0, n)
	at, next := 0.0, random.Float64()
	for _, i := range images {
		for at += factors[i]; next < at && len(all) < n; next++ {
			all = append(all, i)
		}
	}
	for len(all) < n {
		all = append(all, images[0])
	}
	return all
}
