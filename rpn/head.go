package rpn

import (
	"fmt"

	"scalenet/nn"
)

// headStd is the standard deviation of the head's initial weights.
const headStd = 0.01

// Head adds features (N, H, W, C) -> objectness (N, H, W, A or 2A) and deltas (N, H, W, 4A): 3x3 convolutions with ReLU, then one 1x1 convolution
// for each output. All levels share its parameters. The package documentation gives the order of channels.
func (c Config) Head(g *nn.Graph, features *nn.Node) (objectness, deltas *nn.Node) {
	a, x := c.Anchors.PerCell(), features
	for i := range c.Depth {
		name := "rpn.head.conv"
		if c.Depth > 1 {
			name += fmt.Sprint(i + 1)
		}
		x = nn.Relu(g.BiasedConv(x, name, c.Channels, 3, nn.Conv2D{Stride: 1, Pad: 1}, headStd))
	}
	objectness = g.BiasedConv(x, "rpn.head.cls_logits", c.Objectness.Logits(a), 1, nn.Conv2D{Stride: 1}, headStd)
	deltas = g.BiasedConv(x, "rpn.head.bbox_pred", 4*a, 1, nn.Conv2D{Stride: 1}, headStd)
	return objectness, deltas
}

// Losses returns two scalars: the objectness loss, the mean cross entropy over the sampled anchors, and the box loss, the weighted sum of smooth L1.
// objectness and deltas are the output of Head for each level. labels (M), boxes and weights (M*4) are the targets of all M anchors of the batch, in
// the order of levels, then of images, then of anchors (N, H, W, A).
func (c Config) Losses(objectness, deltas []*nn.Node, labels, boxes, weights *nn.Node) (score, box *nn.Node) {
	if c.Objectness == Softmax {
		a := c.Anchors.PerCell()
		part := func(from int) *nn.Node {
			var list []*nn.Node
			for _, o := range objectness {
				list = append(list, nn.Apply(nn.Slice{Axis: 3, From: from, To: from + a}, o))
			}
			return nn.Reshaped(flat(list), labels.Shape()[0], 1)
		}
		score = nn.Apply(nn.SoftmaxCrossEntropy{}, nn.Concatenate(1, part(0), part(a)), labels)
	} else {
		score = nn.Apply(nn.SigmoidCrossEntropy{}, flat(objectness), labels)
	}
	return score, nn.Apply(nn.SmoothL1{Beta: c.LossBeta}, flat(deltas), boxes, weights)
}

// flat returns the values of all nodes in one dimension.
func flat(nodes []*nn.Node) *nn.Node {
	list := make([]*nn.Node, len(nodes))
	for i, n := range nodes {
		list[i] = nn.Reshaped(n, n.Shape().TotalSize())
	}
	return nn.Concatenate(0, list...)
}
