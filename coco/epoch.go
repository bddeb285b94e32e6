package coco

import (
	"cmp"
	"slices"

	"scalenet/geom"
	"scalenet/internal/prefetch"
)

// batchPlan lists the images of a batch.
type batchPlan struct {
	images  []int     // indices into the data set
	all     []int     // images of the epoch that have the same padded size
	size    geom.Size // padded
	shorter int       // the scale
}

// planEpoch returns the batches of an epoch. They depend only on the data set, the configuration and the epoch.
func (l *Loader) planEpoch(epoch int) []batchPlan {
	cfg := &l.cfg
	random := prefetch.Rand(cfg.Seed, epoch, -1)
	var plans []batchPlan
	for _, b := range l.buckets {
		images := slices.Clone(b.images)
		if cfg.Shuffle {
			random.Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
		}
		if n := l.perEpoch(&b); l.factors != nil {
			if images = sampled(images, l.factors, n, random); cfg.Shuffle { // an image is not beside its copy
				random.Shuffle(n, func(i, j int) { images[i], images[j] = images[j], images[i] })
			}
		}
		all := images
		for i := 0; len(images) < cfg.filled(len(all)); i++ {
			images = append(images, images[i])
		}
		for part := range slices.Chunk(images, cfg.Batch) {
			scale := 0
			if len(cfg.Shorter) > 1 {
				scale = random.IntN(len(cfg.Shorter))
			}
			plans = append(plans, batchPlan{part, all, b.sizes[scale], cfg.Shorter[scale]})
		}
	}
	if cfg.Shuffle {
		random.Shuffle(len(plans), func(i, j int) { plans[i], plans[j] = plans[j], plans[i] })
	} else { // in the order of the data set, as far as buckets allow
		slices.SortStableFunc(plans, func(a, b batchPlan) int { return cmp.Compare(a.images[0], b.images[0]) })
	}
	return plans
}
