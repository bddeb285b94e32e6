package assign

import (
	"math/rand/v2"
	"slices"
)

// Sampler draws a fixed number of examples, a part of them positive.
type Sampler struct {
	Count            int     // examples an image
	PositiveFraction float64 // at most this part of them is positive, in [0, 1]

	// Replace draws with replacement, as jwyang's box head does: the sample is
	// always complete. Positives are still drawn without replacement, at
	// most their part; negatives fill the rest with replacement; where there
	// are no negatives at all, positives fill the whole sample with replacement.
	Replace bool
}

// Sample picks from labels: above 0 is positive, 0 negative, below 0 not
// available. It returns the indices of both kinds in ascending order. Without
// replacement there are fewer than Count where there are too few negatives:
// missing positives are made up with negatives, but not the reverse. The
// outcome depends on labels and the state of rng only.
func (s Sampler) Sample(labels []int32, rng *rand.Rand) (positive, negative []int) {
	for i, label := range labels {
		switch {
		case label > 0:
			positive = append(positive, i)
		case label == 0:
			negative = append(negative, i)
		}
	}
	share := int(float64(s.Count) * s.PositiveFraction)
	if !s.Replace {
		positive = choose(positive, share, rng)
		return positive, choose(negative, s.Count-len(positive), rng)
	}
	if len(negative) == 0 {
		return fill(positive, s.Count, rng), nil
	}
	positive = choose(positive, share, rng)
	return positive, fill(negative, s.Count-len(positive), rng)
}

// choose picks n different elements, or all if there are not more than n. It
// reorders from.
func choose(from []int, n int, rng *rand.Rand) []int {
	if len(from) > n {
		for i := range n {
			j := i + rng.IntN(len(from)-i)
			from[i], from[j] = from[j], from[i]
		}
		from = from[:n]
		slices.Sort(from)
	}
	return from
}

// fill picks n elements, each from all of them; none where there are none.
func fill(from []int, n int, rng *rand.Rand) []int {
	if len(from) == 0 {
		return nil
	}
	out := make([]int, n)
	for i := range out {
		out[i] = from[rng.IntN(len(from))]
	}
	slices.Sort(out)
	return out
}
