package rpn

import "scalenet/nn"

// headStd is the standard deviation of the head's initial weights.
const headStd = 0.01

// Head adds the region proposal network's convolutions to features (N, H, W, C):
// a 3x3 convolution of `hidden` channels with ReLU, then for each of the A
// anchors of a cell `logits` objectness logits and four deltas.
//
// objectness is (N, H, W, A*logits), deltas (N, H, W, 4A) with an anchor's four
// side by side.
func Head(g *nn.Graph, features *nn.Node, hidden, anchors, logits int) (objectness, deltas *nn.Node) {
	x := nn.Relu(g.BiasedConv(features, "rpn.head.conv", hidden, 3, nn.Conv2D{Stride: 1, Pad: 1}, headStd))
	objectness = g.BiasedConv(x, "rpn.head.cls_logits", anchors*logits, 1, nn.Conv2D{Stride: 1}, headStd)
	deltas = g.BiasedConv(x, "rpn.head.bbox_pred", anchors*4, 1, nn.Conv2D{Stride: 1}, headStd)
	return objectness, deltas
}
