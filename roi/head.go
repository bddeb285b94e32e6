package roi

import "scalenet/nn"

// The standard deviations of the head's initial weights.
const (
	scoreStd = 0.01
	deltaStd = 0.001
)

// Head adds the two layers of the box predictor: x (R, C) -> logits
// (R, classes + 1), the background first, and deltas (R, Columns(classes)).
func (c Config) Head(g *nn.Graph, x *nn.Node, classes int) (logits, deltas *nn.Node) {
	logits = g.Linear(x, "roi_heads.box_predictor.cls_score", classes+1, nn.Normal(scoreStd))
	deltas = g.Linear(x, "roi_heads.box_predictor.bbox_pred", c.Columns(classes), nn.Normal(deltaStd))
	return logits, deltas
}

// Losses compares the head's outputs with targets as Fill writes them: labels
// (R), boxes and weights (R, Columns). The classes' is the mean over the rows
// that are not ignored.
func (c Config) Losses(logits, deltas, labels, boxes, weights *nn.Node) (score, box *nn.Node) {
	score = nn.Apply(nn.SoftmaxCrossEntropy{}, logits, labels)
	return score, nn.Apply(nn.SmoothL1{Beta: c.LossBeta}, deltas, boxes, weights)
}
