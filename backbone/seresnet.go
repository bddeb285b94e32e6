package backbone

import "scalenet/nn"

// SEResNet is a ResNet with squeeze and excitation (Hu et al.) before each sum. As in the authors' network, the stride is on the first 1x1 convolution,
// and the stem's pool rounds up instead of padding.
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

// excite adds squeeze and excitation: two fully connected layers, the first with squeeze channels, compute one factor per channel from the channels' means.
// gate is the activation of the factors.
func excite(g *nn.Graph, x *nn.Node, name string, squeeze int, gate nn.Op) *nn.Node {
	n, c := x.Shape()[0], x.Shape()[3]
	layer := func(x *nn.Node, name string, out int) *nn.Node {
		conv := nn.Conv2D{Stride: 1}
		return nn.Conv(x, g.ConvWeight(x, name, out, 1, 1), g.Param(name+".bias", nn.Bias, nn.Constant(0), out), conv)
	}
	s := nn.Reshaped(nn.GlobalAvgPool(x), n, 1, 1, c)
	s = nn.Relu(layer(s, name+".fc1", squeeze))
	return nn.Apply(nn.ScaleChannels{}, x, nn.Apply(gate, layer(s, name+".fc2", c)))
}
