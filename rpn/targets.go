package rpn

import (
	"fmt"
	"math/rand/v2"

	"scalenet/assign"
	"scalenet/geom"
)

// What an anchor is trained as.
const (
	Foreground int32 = 1
	Background int32 = 0
	Ignored    int32 = -1
)

// Assignment says for every anchor of an image what it stands for.
type Assignment struct {
	Labels  []int32 // [N] Foreground, Background or Ignored
	Matches []int32 // [N] index of the ground truth box where Foreground, else negative
}

// Assign compares the anchors of an image with its ground truth. An anchor is
// foreground if its IoU with a box is at least ForegroundIoU, or the highest that
// any anchor has with that box; background if its IoU with every box is below
// BackgroundIoU; else it is ignored, and so are, by option, anchors that cross
// the border of the image and background inside a crowd. In an image without
// boxes all is background.
func (c Config) Assign(anchors []geom.Box, truth assign.GroundTruth, image geom.Size) Assignment {
	t := c.Targets
	out := Assignment{Labels: make([]int32, len(anchors)), Matches: make([]int32, len(anchors))}
	candidates, indices := anchors, []int(nil)
	if t.InsideOnly { // anchors outside take no part in the matching either
		candidates = nil
		for i, a := range anchors {
			out.Labels[i], out.Matches[i] = Ignored, assign.Ignored
			if c.Convention.Inside(a, image) {
				candidates, indices = append(candidates, a), append(indices, i)
			}
		}
	}
	m := assign.Matcher{High: t.ForegroundIoU, Low: t.BackgroundIoU, LowQuality: true, Convention: c.Convention}
	for i, match := range m.Match(candidates, truth.Boxes) {
		label := Foreground
		switch {
		case match == assign.Ignored || match == assign.Background && truth.InCrowd(candidates[i], t.CrowdShare, c.Convention):
			label, match = Ignored, assign.Ignored
		case match == assign.Background:
			label = Background
		}
		if t.InsideOnly {
			i = indices[i]
		}
		out.Labels[i], out.Matches[i] = label, match
	}
	return out
}

// Targets is what a training step asks of the RPN for one image.
type Targets struct {
	Positive, Negative []int        // the sampled anchors, ascending
	Deltas             [][4]float32 // for each of Positive
}

// Sample assigns and samples the anchors of one image.
func (c Config) Sample(anchors []geom.Box, truth assign.GroundTruth, image geom.Size, rng *rand.Rand) Targets {
	a := c.Assign(anchors, truth, image)
	s := assign.Sampler{Count: c.Targets.Samples, PositiveFraction: c.Targets.PositiveFraction}
	positive, negative := s.Sample(a.Labels, rng)
	return c.SampledTargets(anchors, truth, a, positive, negative)
}

// SampledTargets gives the targets of anchors that were sampled elsewhere, for
// instance by a detector that this one is compared with.
func (c Config) SampledTargets(anchors []geom.Box, truth assign.GroundTruth, a Assignment, positive, negative []int) Targets {
	coder := c.coder()
	out := Targets{Positive: positive, Negative: negative, Deltas: make([][4]float32, len(positive))}
	for i, n := range positive {
		out.Deltas[i] = coder.Encode(anchors[n], truth.Boxes[a.Matches[n]])
	}
	return out
}

// Samples is the number of sampled anchors, positive and negative.
func (t Targets) Samples() int { return len(t.Positive) + len(t.Negative) }

// Fill writes the targets of one image as the losses read them: labels [N]
// (1, 0, or -1 for what was not sampled), regression targets [N*4] and their
// weights [N*4], 1/normalizer for positives and 0 elsewhere, so that the box
// loss is sum(weight * smoothL1(prediction - target)). The normalizer is the
// number of samples in the batch, of all images together.
func (t Targets) Fill(normalizer float32, labels []int32, targets, weights []float32) error {
	if len(targets) != 4*len(labels) || len(weights) != 4*len(labels) {
		return fmt.Errorf("rpn targets: %d labels need %d targets and weights, not %d and %d", len(labels), 4*len(labels), len(targets), len(weights))
	}
	for i := range labels {
		labels[i] = Ignored
	}
	clear(targets)
	clear(weights)
	for _, n := range t.Negative {
		labels[n] = Background
	}
	for i, n := range t.Positive {
		labels[n] = Foreground
		copy(targets[4*n:], t.Deltas[i][:])
		for k := range 4 {
			weights[4*n+k] = 1 / normalizer
		}
	}
	return nil
}
