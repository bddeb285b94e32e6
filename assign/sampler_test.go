package assign

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// labelled has the given numbers of positive, negative and ignored labels, mixed.
func labelled(positive, negative, ignored int) []int32 {
	labels := slices.Concat(slices.Repeat([]int32{3}, positive), slices.Repeat([]int32{0}, negative), slices.Repeat([]int32{-1}, ignored))
	rng := rand.New(rand.NewPCG(9, 9))
	rng.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
	return labels
}

func TestSampleCounts(t *testing.T) {
	for _, k := range []struct {
		positive, negative   int // on offer
		replace              bool
		wantPositive, wanted int // drawn: positives, negatives
	}{
		{100, 1000, false, 16, 48},
		{3, 1000, false, 3, 61},
		{0, 1000, false, 0, 64},
		{100, 10, false, 16, 10},
		{100, 0, false, 16, 0},
		{0, 0, false, 0, 0},
		{100, 1000, true, 16, 48},
		{3, 1, true, 3, 61},
		{0, 5, true, 0, 64},
		{5, 0, true, 64, 0},
		{0, 0, true, 0, 0},
	} {
		labels := labelled(k.positive, k.negative, 50)
		s := Sampler{Count: 64, PositiveFraction: 0.25, Replace: k.replace}
		positive, negative := s.Sample(labels, rand.New(rand.NewPCG(1, 2)))
		require.Len(t, positive, k.wantPositive, "%+v", k)
		require.Len(t, negative, k.wanted, "%+v", k)
		require.True(t, slices.IsSorted(positive) && slices.IsSorted(negative))
		for _, i := range positive {
			require.Positive(t, labels[i])
		}
		for _, i := range negative {
			require.Zero(t, labels[i])
		}
		if !k.replace {
			require.Len(t, slices.Compact(slices.Clone(positive)), len(positive), "drawn twice")
			require.Len(t, slices.Compact(slices.Clone(negative)), len(negative), "drawn twice")
		}
		again, _ := s.Sample(labels, rand.New(rand.NewPCG(1, 2)))
		require.Equal(t, positive, again)
	}
}

// Every candidate is as likely as any other.
func TestSampleIsUniform(t *testing.T) {
	const rounds = 4000
	labels := labelled(10, 40, 0)
	rng := rand.New(rand.NewPCG(3, 4))
	for _, replace := range []bool{false, true} {
		hits := make([]int, len(labels))
		s := Sampler{Count: 16, PositiveFraction: 0.25, Replace: replace}
		for range rounds {
			positive, negative := s.Sample(labels, rng)
			for _, i := range append(positive, negative...) {
				hits[i]++
			}
		}
		for i, n := range hits {
			want := rounds * 12 / 40
			if labels[i] > 0 {
				want = rounds * 4 / 10
			}
			require.InDelta(t, want, n, 200, "index %d", i) // 5 standard deviations and more
		}
	}
}
