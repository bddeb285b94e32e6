package backbone

import (
	"fmt"

	"scalenet/nn"
)

// MobileNetV3 is MobileNetV3-large of Howard et al., with torchvision's layers and parameter names. Its stages end where the resolution is
// halved next: after features.3, 6 and 12. The fourth is features.13, which torchvision's detectors use; the fifth has the same stride and includes
// the 1x1 convolution to 960 channels.
//
// In training it differs from torchvision: the classifier has no dropout, and running statistics have the momentum of the other networks.
type MobileNetV3 struct{}

// invertedResidual is a block of a MobileNetV3: a 1x1 convolution to expanded channels, a depthwise convolution, a 1x1 convolution to out.
type invertedResidual struct {
	kernel, expanded, out, stride int
	squeeze                       int // channels between the two layers of the squeeze-excitation; 0 is none
	activation                    nn.Op
}

const (
	// MobileNetEps is the epsilon of a MobileNetV3's BatchNorms.
	MobileNetEps = 1e-3

	mobileNetLast   = 960  // channels of the last convolution
	mobileNetHidden = 1280 // of the classifier
)

// mobileNetV3Large has the first block in the stem, whose stride is 2, and the others in stages 1 to 5.
var mobileNetV3Large = [][]invertedResidual{
	{{3, 16, 16, 1, 0, nn.ReLU{}}},
	{{3, 64, 24, 2, 0, nn.ReLU{}}, {3, 72, 24, 1, 0, nn.ReLU{}}},
	{{5, 72, 40, 2, 24, nn.ReLU{}}, {5, 120, 40, 1, 32, nn.ReLU{}}, {5, 120, 40, 1, 32, nn.ReLU{}}},
	{
		{3, 240, 80, 2, 0, nn.HardSwish{}}, {3, 200, 80, 1, 0, nn.HardSwish{}}, {3, 184, 80, 1, 0, nn.HardSwish{}},
		{3, 184, 80, 1, 0, nn.HardSwish{}}, {3, 480, 112, 1, 120, nn.HardSwish{}}, {3, 672, 112, 1, 168, nn.HardSwish{}},
	},
	{{5, 672, 160, 2, 168, nn.HardSwish{}}},
	{{5, 960, 160, 1, 240, nn.HardSwish{}}, {5, 960, 160, 1, 240, nn.HardSwish{}}},
}

// Stem implements Network: features.0 and 1.
func (n MobileNetV3) Stem(g *nn.Graph, x *nn.Node) *nn.Node {
	x = mobileConv(g, x, "features.0", 16, 3, nn.Conv2D{Stride: 2})
	return n.blocks(g, nn.Apply(nn.HardSwish{}, x), 0)
}

// Stages implements Network.
func (MobileNetV3) Stages() int { return len(mobileNetV3Large) - 1 }

// Stage implements Network.
func (n MobileNetV3) Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node {
	x = n.blocks(g, x, s)
	if s == n.Stages() {
		x = nn.Apply(nn.HardSwish{}, mobileConv(g, x, "features.16", mobileNetLast, 1, nn.Conv2D{Stride: 1}))
	}
	return x
}

// blocks adds the blocks of a stage; stage 0 is the stem.
func (MobileNetV3) blocks(g *nn.Graph, x *nn.Node, s int) *nn.Node {
	number := 1
	for _, blocks := range mobileNetV3Large[:s] {
		number += len(blocks)
	}
	for i, b := range mobileNetV3Large[s] {
		x = b.build(g, x, fmt.Sprintf("features.%d.block", number+i))
	}
	return x
}

// Stride implements Network.
func (MobileNetV3) Stride(s int) int { return min(2<<s, 32) }

// MinSide implements Network.
func (MobileNetV3) MinSide(int) int { return 1 }

// Head implements Network.
func (MobileNetV3) Head() string { return "classifier.3" }

// Hidden implements hidden.
func (MobileNetV3) Hidden(g *nn.Graph, x *nn.Node) *nn.Node {
	return nn.Apply(nn.HardSwish{}, g.Linear(x, "classifier.0", mobileNetHidden, nn.UniformFanIn(x.Shape()[1])))
}

// build adds the block. Its layers are counted in their names. There is no expansion to as many channels as x has.
func (b invertedResidual) build(g *nn.Graph, x *nn.Node, name string) *nn.Node {
	in, y, layer := x.Shape()[3], x, 0
	next := func() string {
		layer++
		return fmt.Sprintf("%s.%d", name, layer-1)
	}
	if b.expanded != in {
		y = nn.Apply(b.activation, mobileConv(g, y, next(), b.expanded, 1, nn.Conv2D{Stride: 1}))
	}
	y = nn.Apply(b.activation, mobileConv(g, y, next(), b.expanded, b.kernel, nn.Conv2D{Stride: b.stride, Groups: b.expanded}))
	if b.squeeze > 0 {
		y = excite(g, y, next(), b.squeeze, nn.HardSigmoid{})
	}
	y = mobileConv(g, y, next(), b.out, 1, nn.Conv2D{Stride: 1})
	if b.stride > 1 || b.out != in {
		return y
	}
	return nn.Sum(x, y)
}

// mobileConv is a padded convolution with BatchNorm.
func mobileConv(g *nn.Graph, x *nn.Node, name string, out, kernel int, c nn.Conv2D) *nn.Node {
	c.Pad = kernel / 2
	return g.NormEps(g.Conv(x, name+".0", out, kernel, c), name+".1", MobileNetEps)
}
