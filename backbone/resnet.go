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
	block   bottleneck
	// dilateLast dilates the 3x3 convolutions of the last stage by 2.
	dilateLast bool
}

// NewResNet returns a ResNet of bottlenecks. The slices have one entry per stage.
func NewResNet(stem Stem, blocks, planes []int) (*ResNet, error) {
	strides := defaultStrides(len(blocks))
	if err := checkStages(stem, blocks, planes, strides); err != nil {
		return nil, fmt.Errorf("resnet: %w", err)
	}
	return &ResNet{stem: stem, blocks: blocks, planes: planes, strides: strides, block: bottleneck{groups: 1, groupWidth: 64}}, nil
}

// residual returns a published network with four stages of the given bottleneck.
func residual(block bottleneck, blocks ...int) *ResNet {
	return &ResNet{stem: imageNet.stem, blocks: blocks, planes: imageNet.planes, strides: defaultStrides(len(blocks)), block: block}
}

// Stem implements Network.
func (n *ResNet) Stem(g *nn.Graph, x *nn.Node) *nn.Node { return n.stem.build(g, x) }

// Stages implements Network.
func (n *ResNet) Stages() int { return len(n.blocks) }

// Stage implements Network.
func (n *ResNet) Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node {
	block := n.block
	if n.dilateLast && s == len(n.blocks) {
		block.dilation = 2
	}
	for b := range n.blocks[s-1] {
		stride := 1
		if b == 0 {
			stride = n.strides[s-1]
		}
		x = block.build(g, x, fmt.Sprintf("layer%d.%d", s, b), n.planes[s-1], stride)
	}
	return x
}

// Stride implements Network.
func (n *ResNet) Stride(s int) int { return strideAfter(n.stem, n.strides, s) }

// MinSide implements Network.
func (n *ResNet) MinSide(int) int { return n.stem.minSide() }

// Head implements Network.
func (n *ResNet) Head() string { return "fc" }

// bottleneck is 1x1, 3x3, 1x1 with a shortcut, projected where the shape
// changes. The residual networks differ in its fields.
type bottleneck struct {
	groups     int // of the 3x3 convolution
	groupWidth int // channels of a group for 64 planes
	// strideFirst puts the stride on the first 1x1 convolution, as the first
	// ResNets had it, not on the 3x3.
	strideFirst bool
	reduction   int // of the excitation before the sum; 0 is none
	dilation    int // of the 3x3 convolution; 0 counts as 1
}

func (b bottleneck) build(g *nn.Graph, x *nn.Node, name string, planes, stride int) *nn.Node {
	conv := func(x *nn.Node, i, out, kernel int, c nn.Conv2D) *nn.Node {
		c.Pad = kernel / 2 * max(c.Dilation, 1)
		return g.Norm(g.Conv(x, fmt.Sprintf("%s.conv%d", name, i), out, kernel, c), fmt.Sprintf("%s.bn%d", name, i))
	}
	shortcut := x
	if stride > 1 || x.Shape()[3] != expansion*planes {
		y := g.Conv(x, name+".downsample.0", expansion*planes, 1, nn.Conv2D{Stride: stride})
		shortcut = g.Norm(y, name+".downsample.1")
	}
	first, second := 1, stride
	if b.strideFirst {
		first, second = stride, 1
	}
	width := planes * b.groups * b.groupWidth / 64
	y := nn.Relu(conv(x, 1, width, 1, nn.Conv2D{Stride: first}))
	y = nn.Relu(conv(y, 2, width, 3, nn.Conv2D{Stride: second, Dilation: b.dilation, Groups: b.groups}))
	y = conv(y, 3, expansion*planes, 1, nn.Conv2D{Stride: 1})
	if b.reduction > 0 {
		y = excite(g, y, name+".se_module", y.Shape()[3]/b.reduction, nn.Sigmoid{})
	}
	return nn.Relu(nn.Sum(shortcut, y))
}
