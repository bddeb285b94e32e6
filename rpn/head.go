package rpn

import "scalenet/nn"

// headStd is the standard deviation of the head's initial weights.
const headStd = 0.01

// Head adds the network's convolutions to features (N, H, W, C): a 3x3
// convolution with ReLU, then for each of the A anchors of a cell its
// objectness, (N, H, W, A) logits or (N, H, W, 2A) of them, and its deltas,
// (N, H, W, 4A), an anchor's four side by side.
func (c Config) Head(g *nn.Graph, features *nn.Node) (objectness, deltas *nn.Node) {
	a := c.Anchors.PerCell()
	x := nn.Relu(g.BiasedConv(features, "rpn.head.conv", c.Channels, 3, nn.Conv2D{Stride: 1, Pad: 1}, headStd))
	objectness = g.BiasedConv(x, "rpn.head.cls_logits", c.Objectness.Logits(a), 1, nn.Conv2D{Stride: 1}, headStd)
	deltas = g.BiasedConv(x, "rpn.head.bbox_pred", 4*a, 1, nn.Conv2D{Stride: 1}, headStd)
	return objectness, deltas
}

// Losses compares the head's outputs with targets as Targets.Fill writes them,
// those of all images one after the other: labels (N*H*W*A), boxes and weights
// (N*H*W*A*4). Objectness is the mean over the sampled anchors.
func (c Config) Losses(objectness, deltas, labels, boxes, weights *nn.Node) (score, box *nn.Node) {
	n := labels.Shape()[0]
	if c.Objectness == Softmax {
		a := c.Anchors.PerCell()
		pair := func(from int) *nn.Node {
			return nn.Reshaped(nn.Apply(nn.Slice{Axis: 3, From: from, To: from + a}, objectness), n, 1)
		}
		score = nn.Apply(nn.SoftmaxCrossEntropy{}, nn.Concatenate(1, pair(0), pair(a)), labels)
	} else {
		score = nn.Apply(nn.SigmoidCrossEntropy{}, nn.Reshaped(objectness, n), labels)
	}
	return score, nn.Apply(nn.SmoothL1{Beta: c.LossBeta}, nn.Reshaped(deltas, 4*n), boxes, weights)
}
