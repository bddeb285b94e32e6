package backbone

import (
	"fmt"

	"scalenet/nn"
)

// ResNet is the residual network of He et al. with the stride on the 3x3
// convolution, as torchvision has it.
type ResNet struct {
	stem    Stem
	blocks  []int
	planes  []int
	strides []int
}

// NewResNet makes a ResNet of bottlenecks; the slices have an entry a stage.
func NewResNet(stem Stem, blocks, planes []int) (*ResNet, error) {
	strides := defaultStrides(len(blocks))
	if err := checkStages(stem, blocks, planes, strides); err != nil {
		return nil, fmt.Errorf("resnet: %w", err)
	}
	return &ResNet{stem, blocks, planes, strides}, nil
}

// Stem implements Network.
func (n *ResNet) Stem(g *nn.Graph, x *nn.Node) *nn.Node { return n.stem.build(g, x) }

// Stages implements Network.
func (n *ResNet) Stages() int { return len(n.blocks) }

// Stage implements Network.
func (n *ResNet) Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node {
	for b := range n.blocks[s-1] {
		stride := 1
		if b == 0 {
			stride = n.strides[s-1]
		}
		x = bottleneck(g, x, fmt.Sprintf("layer%d.%d", s, b), n.planes[s-1], stride)
	}
	return x
}

// Stride implements Network.
func (n *ResNet) Stride(s int) int { return strideAfter(n.stem, n.strides, s) }

// MinSide implements Network.
func (n *ResNet) MinSide(int) int { return 1 }

// bottleneck is 1x1, 3x3, 1x1 with a shortcut, projected where the shape changes.
func bottleneck(g *nn.Graph, x *nn.Node, name string, planes, stride int) *nn.Node {
	conv := func(x *nn.Node, i, out, kernel, stride int) *nn.Node {
		y := g.Conv(x, fmt.Sprintf("%s.conv%d", name, i), out, kernel, nn.Conv2D{Stride: stride, Pad: kernel / 2})
		return g.Norm(y, fmt.Sprintf("%s.bn%d", name, i))
	}
	shortcut := x
	if stride > 1 || x.Shape()[3] != expansion*planes {
		y := g.Conv(x, name+".downsample.0", expansion*planes, 1, nn.Conv2D{Stride: stride})
		shortcut = g.Norm(y, name+".downsample.1")
	}
	y := nn.Relu(conv(x, 1, planes, 1, 1))
	y = nn.Relu(conv(y, 2, planes, 3, stride))
	return nn.Relu(nn.Sum(shortcut, conv(y, 3, expansion*planes, 1, 1)))
}
