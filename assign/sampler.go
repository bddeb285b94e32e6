package assign

import (
	"math/rand/v2"
	"slices"
)

// Sampler samples positives and negatives of an image at random.
type Sampler struct {
	Count            int     // samples per image
	PositiveFraction float64 // maximum fraction of positives, in [0, 1]

	// Replace always gives Count samples, as jwyang's box head does. Positives are still sampled without replacement, at most PositiveFraction.
	// Negatives fill the rest with replacement. If there are no negatives, positives fill all samples with replacement.
	Replace bool
}

// Sample samples from labels: above 0 is positive, 0 is negative, below 0 is never sampled. It returns the indices of both kinds in ascending order.
// Without replacement, negatives replace missing positives but not the reverse, so there are fewer than Count samples if there are too few
// negatives. The result depends only on labels and the state of rng.
func (s Sampler) Sample(labels []int32, rng *rand.Rand) (positive, negative []int) {
	for i, label := range labels {
		switch {
		case label > 0:
			positive = append(positive, i)
		case label == 0:
			negative = append(negative, i)
		}
	}
	limit := int(float64(s.Count) * s.PositiveFraction)
	if !s.Replace {
		positive = choose(positive, limit, rng)
		return positive, choose(negative, s.Count-len(positive), rng)
	}
	if len(negative) == 0 {
		return fill(positive, s.Count, rng), nil
	}
	positive = choose(positive, limit, rng)
	return positive, fill(negative, s.Count-len(positive), rng)
}

// choose samples min(n, len(from)) elements without replacement and returns them in ascending order. It reorders from.
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

// fill samples n elements with replacement and returns them in ascending order; nil if from is empty.
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
