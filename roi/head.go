package roi

import "scalenet/nn"

// The standard deviations of the head's initial weights.
const (
	scoreStd = 0.01
	deltaStd = 0.001
)

// Head adds the two layers that judge regions: x (R, C) -> logits
// (R, classes + 1), the background first, and box deltas, four for each class
// (the background included, as in torchvision) or four for all of them.
func Head(g *nn.Graph, x *nn.Node, classes int, agnostic bool) (logits, deltas *nn.Node) {
	boxes := classes + 1
	if agnostic {
		boxes = 1
	}
	logits = g.Linear(x, "roi_heads.box_predictor.cls_score", classes+1, nn.Normal(scoreStd))
	deltas = g.Linear(x, "roi_heads.box_predictor.bbox_pred", 4*boxes, nn.Normal(deltaStd))
	return logits, deltas
}
