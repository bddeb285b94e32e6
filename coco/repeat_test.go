package coco

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

// rareSet is 20 images with class 1, of which one has class 2, two have class 3 as a crowd, and one has nothing.
func rareSet(t testing.TB) *Dataset {
	d := imageSet(t, repeated(geom.Size{W: 40, H: 30}, 20)...)
	d.Categories = []Category{{1, "usual"}, {2, "rare"}, {3, "crowd"}, {4, "absent"}}
	box := [4]float64{5, 5, 10, 10}
	d.Annotations = append(d.Annotations[:19], Annotation{ID: 100, Image: 4, Class: 2, Box: box}, Annotation{ID: 101, Image: 4, Class: 2, Box: box},
		Annotation{ID: 102, Image: 5, Class: 3, Box: box, Crowd: true}, Annotation{ID: 103, Image: 6, Class: 3, Box: box, Crowd: true})
	d.index()
	return d
}

func TestRepeatFactors(t *testing.T) {
	d := rareSet(t)
	images := make([]int, 20)
	for i := range images {
		images[i] = i
	}
	for threshold, rare := range map[float64]float64{0.001: 1, 0.05: 1, 0.2: 2, 0.5: math.Sqrt(10)} {
		factors := repeatFactors(d, images, threshold)
		for i, f := range factors {
			want := 1.0
			if i == 4 {
				want = rare
			}
			require.InDelta(t, want, f, 1e-12, "threshold %v, image %d", threshold, i)
		}
	}
	require.InDelta(t, math.Sqrt(1/0.95), repeatFactors(d, images, 1)[0], 1e-12, "class 1 is not in every image")
	require.Equal(t, 1.0, repeatFactors(d, images, 1)[19], "an image of background")
}

// TestRepeatsOverEpochs: every epoch has as many batches, each image its factor rounded up or down, and on average its factor.
func TestRepeatsOverEpochs(t *testing.T) {
	const epochs = 400
	for _, shuffle := range []bool{false, true} {
		l := newLoader(t, rareSet(t), LoaderConfig{Batch: 3, Shorter: []int{30}, Longest: 40, Shuffle: shuffle, RepeatThreshold: 0.5, Seed: 3})
		require.Equal(t, 8, l.Batches(), "19 images, one of them sqrt(10) times: 23 images")
		total := make([]int, 20)
		for epoch := range epochs {
			plans := l.planEpoch(epoch)
			require.Equal(t, plans, l.planEpoch(epoch))
			require.Len(t, plans, 8)
			count := make([]int, 20)
			n := 0
			for _, p := range plans {
				n += len(p.images)
				for _, i := range p.images {
					count[i]++
				}
			}
			require.Equal(t, 23, n)
			for i := range count {
				total[i] += count[i]
				require.GreaterOrEqual(t, count[i], int(l.factors[i]), "image %d", i)
				require.LessOrEqual(t, count[i], int(math.Ceil(l.factors[i]))+1, "image %d; one may fill the epoch", i)
			}
		}
		require.InDelta(t, math.Sqrt(10), float64(total[4])/epochs, 0.12)
	}
}

// TestRepeatFills batches, too, and works with buckets.
func TestRepeatFills(t *testing.T) {
	d := rareSet(t)
	l := newLoader(t, d, LoaderConfig{Batch: 4, Shorter: []int{30}, Longest: 40, Shuffle: true, Repeat: true, RepeatThreshold: 0.5})
	for epoch := range 5 {
		require.NoError(t, l.Seek(epoch, 0))
		batches := rest(t, l)
		require.Len(t, batches, 6)
		for _, b := range batches {
			require.Len(t, b.Samples, 4)
		}
	}
	for _, n := range []int{1, 7} {
		factors := make([]float64, n)
		images := make([]int, n)
		for i := range images {
			images[i], factors[i] = i, 1
		}
		require.Equal(t, n, totalFactor(images, factors), "factors of 1 change nothing")
	}
}

// TestCopiesAreApart: the copies of an image are shuffled like all others.
func TestCopiesAreApart(t *testing.T) {
	l := newLoader(t, rareSet(t), LoaderConfig{Batch: 1, Shorter: []int{30}, Longest: 40, Shuffle: true, RepeatThreshold: 0.5})
	beside := 0
	for epoch := range 100 {
		plans := l.planEpoch(epoch)
		for i, p := range plans[1:] {
			if p.images[0] == 4 && plans[i].images[0] == 4 {
				beside++
			}
		}
	}
	require.Less(t, beside, 60, "of 216 pairs, if copies stayed together")
}
