package roi

import "scalenet/nn"

// The standard deviations of the head's initial weights.
const (
	scoreStd = 0.01
	deltaStd = 0.001
)

// Head adds the two linear layers of the box predictor: x (R, C) -> logits (R, classes+1), background first, and deltas (R, Columns(classes)).
func (c Config) Head(g *nn.Graph, x *nn.Node, classes int) (logits, deltas *nn.Node) {
	logits = g.Linear(x, "roi_heads.box_predictor.cls_score", classes+1, nn.Normal(scoreStd))
	deltas = g.Linear(x, "roi_heads.box_predictor.bbox_pred", c.Columns(classes), nn.Normal(deltaStd))
	return logits, deltas
}

// Losses returns two scalars: the classification loss, the mean cross entropy over the rows that are not ignored, and the box loss, the weighted
// sum of smooth L1. labels (R), boxes and weights (R, Columns) are the targets that Fill writes.
func (c Config) Losses(logits, deltas, labels, boxes, weights *nn.Node) (score, box *nn.Node) {
	score = nn.Apply(nn.SoftmaxCrossEntropy{}, logits, labels)
	return score, nn.Apply(nn.SmoothL1{Beta: c.LossBeta}, deltas, boxes, weights)
}
