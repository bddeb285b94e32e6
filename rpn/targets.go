package rpn

import (
	"fmt"
	"math/rand/v2"

	"scalenet/assign"
	"scalenet/geom"
)

// Labels of anchors in training.
const (
	Foreground int32 = 1
	Background int32 = 0
	Ignored    int32 = -1
)

// Assignment labels every anchor of an image.
type Assignment struct {
	Labels  []int32 // [N] Foreground, Background or Ignored
	Matches []int32 // [N] index of the ground-truth box if Foreground, else negative
}

// Assign labels the anchors of an image by their IoU with its ground-truth boxes:
//
//   - Foreground: the IoU with a box is at least ForegroundIoU, or the highest IoU of any anchor with that box.
//   - Background: the IoU with every box is below BackgroundIoU, also if there are no boxes.
//   - Ignored: all others. With InsideOnly also anchors that cross the image border, with CrowdShare also background inside a crowd.
func (c Config) Assign(anchors []geom.Box, truth assign.GroundTruth, image geom.Size) Assignment {
	t := c.Targets
	out := Assignment{Labels: make([]int32, len(anchors)), Matches: make([]int32, len(anchors))}
	candidates, indices := anchors, []int(nil)
	if t.InsideOnly { // other anchors do not take part in matching either
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

// Targets are the RPN's training targets for one image.
type Targets struct {
	Positive, Negative []int        // indices of the sampled anchors, ascending
	Deltas             [][4]float32 // regression targets of Positive
}

// Sample assigns the anchors of one image, samples from them and returns the targets of the samples.
func (c Config) Sample(anchors []geom.Box, truth assign.GroundTruth, image geom.Size, rng *rand.Rand) Targets {
	a := c.Assign(anchors, truth, image)
	s := assign.Sampler{Count: c.Targets.Samples, PositiveFraction: c.Targets.PositiveFraction}
	positive, negative := s.Sample(a.Labels, rng)
	return c.SampledTargets(anchors, truth, a, positive, negative)
}

// SampledTargets returns the targets of the anchors with the given indices. Tests use it with the samples of other detectors.
func (c Config) SampledTargets(anchors []geom.Box, truth assign.GroundTruth, a Assignment, positive, negative []int) Targets {
	coder := c.coder()
	out := Targets{Positive: positive, Negative: negative, Deltas: make([][4]float32, len(positive))}
	for i, n := range positive {
		out.Deltas[i] = coder.Encode(anchors[n], truth.Boxes[a.Matches[n]])
	}
	return out
}

// Samples returns the number of sampled anchors, positive and negative.
func (t Targets) Samples() int { return len(t.Positive) + len(t.Negative) }

// Fill writes the targets of one image in the format of Config.Losses:
//
//   - labels [N]: 1, 0, or -1 for anchors that were not sampled.
//   - targets [N*4]: regression targets.
//   - weights [N*4]: 1/normalizer for positives, 0 elsewhere. The box loss is sum(weight * smoothL1(prediction - target)).
//
// normalizer is the number of samples in the batch, over all images. Wrong lengths are an error.
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
