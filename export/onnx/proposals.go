package onnx

import (
	"scalenet/detector"
	"scalenet/nn"
)

// detection is what the operations of a detector need besides their inputs.
type detection struct {
	model      *detector.Model
	nodes      detector.Graph
	frame      frame
	candidates map[*nn.Node]candidates
	rois       rois
	found      found
}

// candidates are the boxes (N, k, 4) of a level and their logits (N, k), `dropped` for those that are suppressed.
type candidates struct{ boxes, logits value }

// dropped is below all logits of boxes that are kept.
const dropped = -1e30

// rois are the proposals of all images, as rows (R, 5) of image and corners, and where they are in (N, places): the indices (R, 2). The first place of each
// image is among them, whether it is a proposal or not, so that the box head has a RoI. real (N, places) says which are proposals.
type rois struct{ rows, at, places, real value }

// proposals translates nn.Proposals for all images of a batch.
func (n *network) proposals(op nn.Proposals, node *nn.Node) value {
	in := node.Inputs()
	logits := n.cells(n.objectness(op, n.of(in[0])))
	deltas := n.reshapeTo(n.transpose(n.of(in[1]), 0, 2, 3, 1), n.ints(0), n.ints(-1), n.ints(4))
	limits := n.model.Config.RPN.Proposals
	k := n.op("Min", n.size(logits, 1), n.ints(limits.Test.BeforeNMS))
	best, at := n.topK(logits, k)
	anchors := n.op("Gather", n.levelAnchors(in), at)
	boxes := n.decode(op.Coder, anchors, n.rows(deltas, at), n.limit(n.frame.resized, op.Coder.Convention))
	valid := n.atLeast(boxes, limits.MinSize)
	if op.MinScore > 0 {
		valid = n.op("And", valid, n.op("GreaterOrEqual", best, n.float(op.MinLogit())))
	}
	best = n.op("Where", valid, best, n.float(2*dropped))
	corners := n.concat(2, boxes.low, boxes.high)
	c := candidates{corners, n.suppressed(op.Coder.Convention, corners, best, limits.NMSIoU, limits.Test.AfterNMS, dropped)}
	if op.Scored {
		n.candidates[node] = c
		return c.logits
	}
	return n.choose(c)
}

// objectness is one logit per anchor: that of the foreground, less that of the background if there are two.
func (n *network) objectness(op nn.Proposals, x value) value {
	if !op.Pairs {
		return x
	}
	return n.op("Sub", n.slice(x, 1, op.PerCell, endless), n.slice(x, 1, 0, op.PerCell))
}

// cells is (N, A, H, W) as rows (N, H*W*A).
func (n *network) cells(x value) value {
	return n.reshape(n.transpose(x, 0, 2, 3, 1), 0, -1)
}

// levelAnchors are the anchors of the level whose objectness and anchors are inputs.
func (n *network) levelAnchors(in []*nn.Node) value {
	strides, err := n.model.Config.Strides()
	if err != nil {
		nn.Fail("%w", err)
	}
	for i, anchors := range n.nodes.Anchors {
		if anchors == in[2] {
			x := n.of(in[0])
			padded := sides{n.size(n.frame.images, 3), n.size(n.frame.images, 2)}
			return n.anchors(n.model.Config.RPN.Anchors.Level(i, strides[i]), n.size(x, 2), n.size(x, 3), padded)
		}
	}
	nn.Fail("the anchors %s are those of no level", in[2].Name())
	return ""
}

// topProposals translates nn.TopProposals.
func (n *network) topProposals(in []*nn.Node) value {
	var all candidates
	var boxes, logits []value
	for _, level := range in[:len(in)-1] {
		logits = append(logits, n.of(level))
		boxes = append(boxes, n.candidates[level].boxes)
	}
	all.boxes, all.logits = n.concat(1, boxes...), n.concat(1, logits...)
	return n.choose(all)
}

// choose keeps the highest-scored boxes of each image and returns their rows (R, 5).
func (n *network) choose(c candidates) value {
	k := n.op("Min", n.size(c.logits, 1), n.ints(n.model.Config.RPN.Proposals.Test.AfterNMS))
	best, at := n.topK(c.logits, k)
	boxes := n.rows(c.boxes, at)
	n.rois.places = k
	n.rois.real = n.op("Greater", best, n.float(dropped/2))
	first := n.op("Equal", n.op("Unsqueeze", n.upTo(k), n.ints(0)), n.ints(0))
	n.rois.at = n.where(n.op("Or", n.rois.real, first))
	image := n.cast(n.slice(n.rois.at, 1, 0, 1), float32Type)
	n.rois.rows = n.concat(1, image, n.op("GatherND", boxes, n.rois.at))
	return n.rois.rows
}
