package rpn

import "scalenet/nn"

// headStd is the standard deviation of the head's initial weights.
const headStd = 0.01

// Head adds features (N, H, W, C) -> objectness (N, H, W, A or 2A) and deltas (N, H, W, 4A): a 3x3 convolution with ReLU, then one 1x1 convolution
// for each output. The package documentation gives the order of channels.
func (c Config) Head(g *nn.Graph, features *nn.Node) (objectness, deltas *nn.Node) {
	a := c.Anchors.PerCell()
	x := nn.Relu(g.BiasedConv(features, "rpn.head.conv", c.Channels, 3, nn.Conv2D{Stride: 1, Pad: 1}, headStd))
	objectness = g.BiasedConv(x, "rpn.head.cls_logits", c.Objectness.Logits(a), 1, nn.Conv2D{Stride: 1}, headStd)
	deltas = g.BiasedConv(x, "rpn.head.bbox_pred", 4*a, 1, nn.Conv2D{Stride: 1}, headStd)
	return objectness, deltas
}

// Losses returns two scalars: the objectness loss, the mean cross entropy over the sampled anchors, and the box loss, the weighted sum of smooth L1.
// labels (N*H*W*A), boxes and weights (N*H*W*A*4) are the targets that Targets.Fill writes, image after image.
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
