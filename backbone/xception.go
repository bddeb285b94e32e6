package backbone

import (
	"fmt"

	"scalenet/nn"
)

// Xception is the network of Chollet with separable convolutions: a 3x3 convolution per channel, then a 1x1 convolution. Sizes, the BatchNorms' eps (1e-5;
// 1e-3 in Keras) and names are those of timm's legacy_xception and Cadene's pretrainedmodels, whose stem has no padding.
//
// Its stages end where the resolution is halved next: after blocks 1, 2 and 11.
type Xception struct{}

// xceptionBlocks are the blocks of each stage: the channels behind each of their
// separable convolutions. All but those of the middle flow, which keep 728
// channels, halve the resolution.
var xceptionBlocks = [][][]int{
	{{128, 128}},
	{{256, 256}},
	{{728, 728}, middleFlow, middleFlow, middleFlow, middleFlow, middleFlow, middleFlow, middleFlow, middleFlow},
	{{728, 1024}},
}

var middleFlow = []int{728, 728, 728}

// Stem implements Network.
func (Xception) Stem(g *nn.Graph, x *nn.Node) *nn.Node {
	x = nn.Relu(g.Norm(g.Conv(x, "conv1", 32, 3, nn.Conv2D{Stride: 2}), "bn1"))
	return nn.Relu(g.Norm(g.Conv(x, "conv2", 64, 3, nn.Conv2D{Stride: 1}), "bn2"))
}

// Stages implements Network.
func (Xception) Stages() int { return len(xceptionBlocks) }

// Stage implements Network.
func (n Xception) Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node {
	number := 1
	for _, blocks := range xceptionBlocks[:s-1] {
		number += len(blocks)
	}
	for i, widths := range xceptionBlocks[s-1] {
		x = xceptionBlock(g, x, number+i, widths)
	}
	if s == n.Stages() {
		x = nn.Relu(g.Norm(separable(g, x, "conv3", 1536), "bn3"))
		x = nn.Relu(g.Norm(separable(g, x, "conv4", 2048), "bn4"))
	}
	return x
}

// Stride implements Network.
func (Xception) Stride(s int) int { return 2 << s }

// MinSide implements Network: the stem's two convolutions have no padding.
func (Xception) MinSide(int) int { return 7 }

// Head implements Network.
func (Xception) Head() string { return "fc" }

// xceptionBlock is separable convolutions with a shortcut. Its layers are
// counted in their names; the first block does not begin with ReLU.
func xceptionBlock(g *nn.Graph, x *nn.Node, number int, widths []int) *nn.Node {
	name := fmt.Sprintf("block%d", number)
	y, layer := x, 0
	for i, out := range widths {
		if number > 1 || i > 0 {
			y = nn.Relu(y)
			layer++
		}
		y = separable(g, y, fmt.Sprintf("%s.rep.%d", name, layer), out)
		y = g.Norm(y, fmt.Sprintf("%s.rep.%d", name, layer+1))
		layer += 2
	}
	if len(widths) == len(middleFlow) {
		return nn.Sum(x, y)
	}
	skip := g.Conv(x, name+".skip", y.Shape()[3], 1, nn.Conv2D{Stride: 2})
	return nn.Sum(nn.MaxPool(y, 3, 2, 1), g.Norm(skip, name+".skipbn"))
}

// separable is a 3x3 convolution in each channel, then a 1x1 over all of them.
func separable(g *nn.Graph, x *nn.Node, name string, out int) *nn.Node {
	c := x.Shape()[3]
	x = g.Conv(x, name+".conv1", c, 3, nn.Conv2D{Stride: 1, Pad: 1, Groups: c})
	return g.Conv(x, name+".pointwise", out, 1, nn.Conv2D{Stride: 1})
}
