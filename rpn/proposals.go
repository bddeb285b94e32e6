package rpn

import (
	"fmt"
	"math"

	"scalenet/geom"
)

// Proposals are the boxes of one image that may hold an object, the best first.
// There may be none.
type Proposals struct {
	Boxes  []geom.Box // clipped to the image
	Scores []float32  // in [0, 1]
}

// Propose turns the output of the head for one image into proposals: the
// BeforeNMS best-scored anchors are decoded and clipped to the image, those
// with a side below MinSize or a value that is not finite go, and of what
// NMS leaves the AfterNMS best stay.
//
// anchors [N] are those of the feature map (Anchors.Grid), objectness is
// [N] or [2N] logits by Config.Objectness, deltas are [N*4]; all in NHWC order,
// see the package documentation. An error says which length is wrong.
func (c Config) Propose(anchors []geom.Box, objectness, deltas []float32, image geom.Size, counts Counts) (Proposals, error) {
	if want := c.Objectness.Logits(len(anchors)); len(objectness) != want || len(deltas) != 4*len(anchors) {
		return Proposals{}, fmt.Errorf("rpn proposals: %d anchors need %d logits and %d deltas, not %d and %d",
			len(anchors), want, 4*len(anchors), len(objectness), len(deltas))
	}
	if c.Objectness == Softmax {
		objectness = margins(objectness, c.Anchors.PerCell())
	}
	coder, minSize := c.coder(), float32(c.Proposals.MinSize)
	best := geom.TopK(objectness, counts.BeforeNMS)
	boxes := make([]geom.Box, 0, len(best))
	logits := make([]float32, 0, len(best))
	for _, i := range best {
		box := c.Convention.Clip(coder.Decode(anchors[i], [4]float32(deltas[4*i:])), image)
		if c.Convention.AtLeast(box, minSize) && objectness[i] == objectness[i] { // false for NaN
			boxes, logits = append(boxes, box), append(logits, objectness[i])
		}
	}
	kept := c.Convention.NMS(boxes, logits, c.Proposals.NMSIoU, counts.AfterNMS)
	out := Proposals{Boxes: make([]geom.Box, len(kept)), Scores: make([]float32, len(kept))}
	for k, i := range kept {
		out.Boxes[k], out.Scores[k] = boxes[i], sigmoid(logits[i])
	}
	return out, nil
}

// margins brings the two logits of every anchor down to one with the same score:
// the softmax of two numbers is the sigmoid of their difference.
func margins(logits []float32, perCell int) []float32 {
	out := make([]float32, 0, len(logits)/2)
	for ; len(logits) > 0; logits = logits[2*perCell:] {
		for a := range perCell {
			out = append(out, logits[perCell+a]-logits[a])
		}
	}
	return out
}

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }
