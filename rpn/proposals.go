package rpn

import (
	"fmt"
	"math"

	"scalenet/geom"
	"scalenet/nn"
)

// Proposals are the boxes of one image that may hold an object, the best first.
// There may be none.
type Proposals struct {
	Boxes  []geom.Box // clipped to the image
	Scores []float32  // in [0, 1]
}

// Operation chooses proposals in a graph, of each image as many as rows at most.
func (c Config) Operation(rows int) nn.Proposals {
	return nn.Proposals{Coder: c.coder(), PerCell: c.Anchors.PerCell(), Pairs: c.Objectness == Softmax, Rows: rows}
}

// Limits are the numbers of the choice for an image of the given size.
func (p ProposalConfig) Limits(image geom.Size, counts Counts) nn.ProposalLimits {
	return nn.ProposalLimits{Image: image, MinSize: p.MinSize, NMSIoU: p.NMSIoU, BeforeNMS: counts.BeforeNMS, AfterNMS: counts.AfterNMS}
}

// Propose turns the output of the head for one image into proposals, as the
// operation does: the BeforeNMS best-scored anchors are decoded and clipped to the
// image, those with a side below MinSize or a value that is not finite go, and of
// what NMS leaves the AfterNMS best stay.
//
// anchors [N] are those of the feature map (Anchors.Grid), objectness is
// [N] or [2N] logits by Config.Objectness, deltas are [N*4]; all in NHWC order,
// see the package documentation. An error says which length is wrong.
func (c Config) Propose(anchors []geom.Box, objectness, deltas []float32, image geom.Size, counts Counts) (Proposals, error) {
	if want := c.Objectness.Logits(len(anchors)); len(objectness) != want || len(deltas) != 4*len(anchors) {
		return Proposals{}, fmt.Errorf("rpn proposals: %d anchors need %d logits and %d deltas, not %d and %d",
			len(anchors), want, 4*len(anchors), len(objectness), len(deltas))
	}
	boxes, logits := c.Operation(counts.AfterNMS).Choose(anchors, objectness, deltas, c.Proposals.Limits(image, counts))
	for i, v := range logits {
		logits[i] = sigmoid(v)
	}
	return Proposals{boxes, logits}, nil
}

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }
