package rpn

import (
	"fmt"
	"math"

	"scalenet/geom"
	"scalenet/nn"
)

// Proposals are the proposals of one image in descending score. They may be empty.
type Proposals struct {
	Boxes  []geom.Box // clipped to the image
	Scores []float32  // in [0, 1]
}

// Select adds the output of Head for each level -> proposals (N*rows, 5), the highest-scored of all levels. anchors are inputs (H*W*A, 4) of each level,
// limits is (N, nn.Limits).
func (c Config) Select(objectness, deltas, anchors []*nn.Node, limits *nn.Node, rows int) *nn.Node {
	if len(objectness) == 1 {
		rows = min(rows, anchors[0].Shape()[0])
		return nn.Apply(c.Operation(rows), objectness[0], deltas[0], anchors[0], limits)
	}
	var levels []*nn.Node
	most := 0
	for i := range objectness {
		of := c.Operation(min(rows, anchors[i].Shape()[0]))
		of.Scored = true
		levels = append(levels, nn.Apply(of, objectness[i], deltas[i], anchors[i], limits))
		most += of.Rows
	}
	return nn.Apply(nn.TopProposals{Rows: min(rows, most)}, append(levels, limits)...)
}

// Operation returns the graph operation that selects the proposals of one level, at most rows per image.
func (c Config) Operation(rows int) nn.Proposals {
	return nn.Proposals{
		Coder: c.coder(), PerCell: c.Anchors.PerCell(), Pairs: c.Objectness == Softmax, Rows: rows, MinScore: c.Proposals.MinScore,
	}
}

// Limits returns the selection parameters for an image of the given size, without padding.
func (p ProposalConfig) Limits(image geom.Size, counts Counts) nn.ProposalLimits {
	return nn.ProposalLimits{Image: image, MinSize: p.MinSize, NMSIoU: p.NMSIoU, BeforeNMS: counts.BeforeNMS, AfterNMS: counts.AfterNMS}
}

// Propose returns the proposals of one image on a single level, the same as the graph operation's:
//
//   - Decode the BeforeNMS highest-scored anchors and clip the boxes to the image.
//   - Drop boxes with a width or height below MinSize, with a score below MinScore, or with a NaN or infinite value.
//   - Apply NMS and keep the AfterNMS highest-scored boxes.
//
// anchors [N] are those of the feature map (Anchors.Grid), objectness [N] or [2N] are logits of the kind Config.Objectness, deltas are [N*4]. All
// are in NHWC order, see the package documentation. Wrong lengths are an error.
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
