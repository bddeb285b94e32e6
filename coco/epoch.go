package coco

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"scalenet/geom"
)

// batchPlan says what a batch consists of.
type batchPlan struct {
	images  []int     // indices into the data set
	size    geom.Size // padded
	shorter int       // the scale
}

// planEpoch lists the batches of an epoch. It depends on nothing but the data set, the configuration and the epoch.
func (l *Loader) planEpoch(epoch int) []batchPlan {
	cfg := &l.cfg
	random := randomSource(cfg.Seed, epoch, -1)
	var plans []batchPlan
	for _, b := range l.buckets {
		images := slices.Clone(b.images)
		if cfg.Shuffle {
			random.Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
		}
		for i := 0; len(images) < cfg.filled(len(b.images)); i++ {
			images = append(images, images[i])
		}
		for part := range slices.Chunk(images, cfg.Batch) {
			scale := 0
			if len(cfg.Shorter) > 1 {
				scale = random.IntN(len(cfg.Shorter))
			}
			plans = append(plans, batchPlan{part, b.sizes[scale], cfg.Shorter[scale]})
		}
	}
	if cfg.Shuffle {
		random.Shuffle(len(plans), func(i, j int) { plans[i], plans[j] = plans[j], plans[i] })
	} else { // as near to the data set's order as buckets allow
		slices.SortStableFunc(plans, func(a, b batchPlan) int { return cmp.Compare(a.images[0], b.images[0]) })
	}
	return plans
}

// augmentation is what happens to one picture on its way into a batch.
type augmentation struct {
	flipX, flipY bool
	brightness   float64 // 1: as it is
}

// draw depends on the seed, the epoch and the place within the epoch only.
func (c *LoaderConfig) draw(epoch, place int) augmentation {
	random := randomSource(c.Seed, epoch, place)
	flipX, flipY, brightness := random.Float64() < 0.5, random.Float64() < 0.5, random.Float64()
	return augmentation{
		flipX:      c.FlipHorizontal && flipX,
		flipY:      c.FlipVertical && flipY,
		brightness: 1 + c.Brightness*(2*brightness-1),
	}
}

// randomSource is a generator of its own for a place within an epoch (-1: the order of the epoch). Seeds that differ by one
// are far apart after mixing.
func randomSource(seed uint64, epoch, place int) *rand.Rand {
	a := mix(seed)
	b := mix(a ^ uint64(epoch))
	return rand.New(rand.NewPCG(b, mix(b^uint64(place))))
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
