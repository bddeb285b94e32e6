package roi

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"scalenet/assign"
	"scalenet/geom"
)

// Labels of RoIs in addition to the classes 1 to K.
const (
	Background int32 = 0
	Ignored    int32 = -1
)

// Assignment labels every candidate RoI of an image.
type Assignment struct {
	Boxes   []geom.Box // the proposals, then the ground-truth boxes
	Labels  []int32    // class, Background or Ignored
	Matches []int32    // index of the ground-truth box if the label is a class, else negative
}

// Assign adds the ground-truth boxes to the proposals of an image and labels all of them by their highest IoU with a ground-truth box:
//
//   - At least ForegroundIoU: the class of that box.
//   - Below BackgroundIoU: Background.
//   - In between: Ignored. With CrowdShare, background inside a crowd is ignored, too.
func (c Config) Assign(proposals []geom.Box, truth assign.GroundTruth) Assignment {
	t := c.Targets
	m := assign.Matcher{High: t.ForegroundIoU, Low: t.BackgroundIoU, Convention: c.Convention}
	out := Assignment{Boxes: slices.Concat(proposals, truth.Boxes)}
	out.Matches = m.Match(out.Boxes, truth.Boxes)
	out.Labels = make([]int32, len(out.Boxes))
	for i, match := range out.Matches {
		switch {
		case match >= 0:
			out.Labels[i] = truth.Classes[match]
		case match == assign.Ignored || truth.InCrowd(out.Boxes[i], t.CrowdShare, c.Convention):
			out.Labels[i], out.Matches[i] = Ignored, assign.Ignored
		default:
			out.Labels[i] = Background
		}
	}
	return out
}

// Samples are the sampled RoIs of one image.
type Samples struct {
	Boxes  []geom.Box
	Labels []int32      // class, or Background
	Deltas [][4]float32 // regression targets; zeros for background
}

// Sample assigns the RoIs of one image and samples at most Targets.Samples of them, exactly as many with Targets.Replace. It returns none if
// there are neither proposals nor ground truth.
func (c Config) Sample(proposals []geom.Box, truth assign.GroundTruth, rng *rand.Rand) Samples {
	a := c.Assign(proposals, truth)
	s := assign.Sampler{Count: c.Targets.Samples, PositiveFraction: c.Targets.PositiveFraction, Replace: c.Targets.Replace}
	positive, negative := s.Sample(a.Labels, rng)
	return c.SamplesOf(a, truth, slices.Concat(positive, negative))
}

// SamplesOf returns the samples with the given indices into a. Tests use it with the samples of other detectors.
func (c Config) SamplesOf(a Assignment, truth assign.GroundTruth, indices []int) Samples {
	coder, n := c.coder(), len(indices)
	out := Samples{Boxes: make([]geom.Box, n), Labels: make([]int32, n), Deltas: make([][4]float32, n)}
	for i, index := range indices {
		out.Boxes[i], out.Labels[i] = a.Boxes[index], a.Labels[index]
		if out.Labels[i] > 0 {
			out.Deltas[i] = coder.Encode(a.Boxes[index], truth.Boxes[a.Matches[index]])
		}
	}
	return out
}

// Fill writes the samples of one image in the format of Losses:
//
//   - labels [n]: class, Background, or Ignored for rows after the samples.
//   - targets [n, Columns(classes)]: regression targets.
//   - weights [n, Columns(classes)]: 1/normalizer in the four columns of a RoI's class, 0 elsewhere. The box loss is
//     sum(weight * smoothL1(prediction - target)).
//
// normalizer is the number of samples in the batch, over all images. Wrong lengths and classes are an error.
func (c Config) Fill(s Samples, classes int, normalizer float32, labels []int32, targets, weights []float32) error {
	columns := c.Columns(classes)
	if len(labels) < len(s.Boxes) || len(targets) != columns*len(labels) || len(weights) != columns*len(labels) {
		return fmt.Errorf("roi targets: %d samples in %d rows of %d columns: %d targets and %d weights do not fit",
			len(s.Boxes), len(labels), columns, len(targets), len(weights))
	}
	for i := range labels {
		labels[i] = Ignored
	}
	copy(labels, s.Labels)
	clear(targets)
	clear(weights)
	for i, label := range s.Labels {
		if label <= Background {
			continue
		}
		if int(label) > classes {
			return fmt.Errorf("roi targets: class %d of RoI %d is above %d", label, i, classes)
		}
		at := i * columns
		if !c.ClassAgnostic {
			at += 4 * int(label)
		}
		copy(targets[at:], s.Deltas[i][:])
		for k := range 4 {
			weights[at+k] = 1 / normalizer
		}
	}
	return nil
}
