package backbone

import "scalenet/nn"

// SEResNet is a ResNet whose blocks weigh the channels of what they add: the
// squeeze and excitation of Hu et al. It is the authors' network: the stride is
// on the first 1x1 convolution, and the stem's pool rounds up instead of padding.
// Parameters have the names of Cadene's pretrainedmodels and of timm's
// legacy_seresnet.
type SEResNet struct{ ResNet }

func newSEResNet(blocks ...int) *SEResNet {
	return &SEResNet{*residual(bottleneck{groups: 1, groupWidth: 64, strideFirst: true, reduction: 16}, blocks...)}
}

// Stem implements Network.
func (n *SEResNet) Stem(g *nn.Graph, x *nn.Node) *nn.Node {
	x = g.Conv(x, "layer0.conv1", n.stem.Channels, n.stem.Kernel, nn.Conv2D{Stride: 2, Pad: n.stem.Kernel / 2})
	return nn.Apply(nn.MaxPool2D{Kernel: 3, Stride: 2, Ceil: true}, nn.Relu(g.Norm(x, "layer0.bn1")))
}

// MinSide implements Network: the pool needs two pixels, and rounds up.
func (n *SEResNet) MinSide(int) int { return 3 }

// Head implements Network.
func (n *SEResNet) Head() string { return "last_linear" }

// excite scales the channels of each image by what two small layers make of
// their means.
func excite(g *nn.Graph, x *nn.Node, name string, reduction int) *nn.Node {
	n, c := x.Shape()[0], x.Shape()[3]
	layer := func(x *nn.Node, name string, out int) *nn.Node {
		conv := nn.Conv2D{Stride: 1}
		return nn.Conv(x, g.ConvWeight(x, name, out, 1, 1), g.Param(name+".bias", nn.Bias, nn.Constant(0), out), conv)
	}
	s := nn.Reshaped(nn.GlobalAvgPool(x), n, 1, 1, c)
	s = nn.Relu(layer(s, name+".fc1", c/reduction))
	return nn.Apply(nn.ScaleChannels{}, x, nn.Apply(nn.Sigmoid{}, layer(s, name+".fc2", c)))
}
