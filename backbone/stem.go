package backbone

import "scalenet/nn"

// Stem is a convolution of stride 2 with BatchNorm and ReLU, and a 3x3 max
// pool of stride 2.
type Stem struct {
	Channels int `yaml:"channels" json:"channels"`
	Kernel   int `yaml:"kernel" json:"kernel"`
}

// imageNetStem is the stem of ResNet and ScaleNet.
var imageNetStem = Stem{Channels: 64, Kernel: 7}

func (s Stem) build(g *nn.Graph, x *nn.Node) *nn.Node {
	x = g.Conv(x, "conv1", s.Channels, s.Kernel, nn.Conv2D{Stride: 2, Pad: s.Kernel / 2})
	return nn.MaxPool(nn.Relu(g.Norm(x, "bn1")), 3, 2, 1)
}
