package backbone

import (
	"fmt"

	"scalenet/nn"
)

// DenseNet is the network of Huang et al. whose layers each see the features of
// all layers before them in their stage, with bottlenecks and compression (-BC),
// as torchvision has it.
type DenseNet struct{ layers []int } // of each stage

const (
	growth         = 32  // channels that a layer adds
	growthNeck     = 128 // of its 1x1 convolution
	denseNetStem   = 64
	denseNetStages = 4
)

func newDenseNet(layers ...int) *DenseNet { return &DenseNet{layers} }

// Stem implements Network.
func (n *DenseNet) Stem(g *nn.Graph, x *nn.Node) *nn.Node {
	x = g.Conv(x, "features.conv0", denseNetStem, 7, nn.Conv2D{Stride: 2, Pad: 3})
	return nn.MaxPool(nn.Relu(g.Norm(x, "features.norm0")), 3, 2, 1)
}

// Stages implements Network.
func (n *DenseNet) Stages() int { return denseNetStages }

// Stage implements Network: the transition from the stage before, then the dense layers. The last stage ends with BatchNorm and ReLU; the other stages'
// features get theirs in the layers that use them.
func (n *DenseNet) Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node {
	activate := func(x *nn.Node, name string) *nn.Node { return nn.Relu(g.Norm(x, name)) }
	if s > 1 {
		name := fmt.Sprintf("features.transition%d", s-1)
		x = g.Conv(activate(x, name+".norm"), name+".conv", x.Shape()[3]/2, 1, nn.Conv2D{Stride: 1})
		x = nn.AvgPool(x, 2, 2, 0)
	}
	for i := range n.layers[s-1] {
		name := fmt.Sprintf("features.denseblock%d.denselayer%d", s, i+1)
		y := g.Conv(activate(x, name+".norm1"), name+".conv1", growthNeck, 1, nn.Conv2D{Stride: 1})
		y = g.Conv(activate(y, name+".norm2"), name+".conv2", growth, 3, nn.Conv2D{Stride: 1, Pad: 1})
		x = nn.Concatenate(3, x, y)
	}
	if s == denseNetStages {
		return activate(x, "features.norm5")
	}
	return x
}

// Stride implements Network.
func (n *DenseNet) Stride(s int) int { return 4 << max(s-1, 0) }

// MinSide implements Network: a transition's pool needs two pixels.
func (n *DenseNet) MinSide(s int) int { return n.Stride(s) - 3 }

// Head implements Network.
func (n *DenseNet) Head() string { return "classifier" }
