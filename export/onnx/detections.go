package onnx

import (
	"scalenet/geom"
	"scalenet/nn"
)

// detections translates nn.Detections, up to the choice of the highest-scored ones: its value is the scores (N, places*K), 0 for what is no detection.
func (n *network) detections(op nn.Detections, in []*nn.Node) value {
	c, classes := n.model.Config.RoI.Detections, len(n.model.Classes)
	logits, deltas, rois := n.of(in[0]), n.of(in[1]), n.of(in[2])
	scores := n.slice(n.with("Softmax", attributes{"axis": 1}, logits), 1, 1, endless)
	deltas = n.reshape(deltas, -1, in[1].Shape()[1]/4, 4)
	if in[1].Shape()[1] > 4 {
		deltas = n.slice(deltas, 1, 1, endless) // without those of the background
	}
	references := n.op("Unsqueeze", n.slice(rois, 1, 1, 5), n.ints(1))
	d := n.decode(op.Coder, references, deltas, n.limit(n.frame.resized, op.Coder.Convention))
	valid := n.op("And", n.op("Greater", scores, n.float(float32(c.Score))), n.atLeast(d, c.MinSize))
	valid = n.op("And", valid, n.op("Unsqueeze", n.op("GatherND", n.rois.real, n.rois.at), n.ints(1)))
	scores = n.op("Where", valid, scores, n.float(-1))
	boxes := n.concat(2, d.low, d.high)
	if n.frame.factor != "" {
		boxes = n.op("Div", boxes, n.cast(n.frame.factor, float32Type))
	}
	if in[1].Shape()[1] == 4 {
		boxes = n.op("Expand", boxes, n.ints(1, classes, 4))
	}
	return n.perClass(op, boxes, scores)
}

// perClass is NMS within each class of each image: boxes (R, K, 4), scores (R, K).
func (n *network) perClass(op nn.Detections, boxes, scores value) value {
	c, k := n.model.Config.RoI.Detections, n.ints(len(n.model.Classes))
	all := n.placed(n.filled(-1, n.frame.count, n.rois.places, k), scores)
	n.found.boxes = n.placed(n.filled(0, n.frame.count, n.rois.places, k, n.ints(4)), boxes)
	groups := n.op("Mul", n.frame.count, k)
	kept := n.suppressed(op.Coder.Convention,
		n.reshapeTo(n.transpose(n.found.boxes, 0, 2, 1, 3), groups, n.rois.places, n.ints(4)),
		n.reshapeTo(n.transpose(all, 0, 2, 1), groups, n.rois.places), c.NMSIoU, c.PerImage, 0)
	kept = n.transpose(n.reshapeTo(kept, n.frame.count, k, n.rois.places), 0, 2, 1)
	return n.reshape(kept, 0, -1)
}

// placed puts the values of RoIs into those of all places of all images.
func (n *network) placed(empty, values value) value {
	return n.op("ScatterND", empty, n.rois.at, values)
}

// found are the detections of all images, in the order of images and then of scores.
type found struct {
	boxes value // (N, places, K, 4), in the pixels of the network's input
}

// emit chooses the highest-scored detections of each image and adds the outputs of the model.
func (n *network) emit(scores value) {
	c := n.model.Config
	best, at := n.topK(scores, n.op("Min", n.size(scores, 1), n.ints(c.RoI.Detections.PerImage)))
	chosen := n.where(n.op("Greater", best, n.float(0))) // image and rank
	boxes := n.rows(n.reshapeTo(n.found.boxes, n.ints(0), n.ints(-1), n.ints(4)), at)
	n.rename(n.inImage(n.op("GatherND", boxes, chosen)), "boxes")
	n.rename(n.op("Mod", n.op("GatherND", at, chosen), n.ints(len(n.model.Classes))), "labels")
	n.rename(n.op("GatherND", best, chosen), "scores")
	n.rename(n.reshape(n.slice(chosen, 1, 0, 1), -1), "batch_indices")
}

// inImage converts boxes (D, 4) to continuous ones in pixels of the images.
func (n *network) inImage(boxes value) value {
	if n.model.Config.Boxes == geom.Inclusive {
		boxes = n.op("Add", boxes, n.float(0, 0, 1, 1))
	}
	original := n.cast(n.pair(n.frame.original), float32Type)
	if n.frame.factor == "" {
		ratio := n.op("Div", original, n.cast(n.pair(n.frame.resized), float32Type))
		boxes = n.op("Mul", boxes, n.concat(0, ratio, ratio))
	}
	return n.clip(boxes, n.concat(0, original, original)) // rounding may put a corner outside
}
