package backbone

import (
	"fmt"

	"scalenet/nn"
)

// SABlock describes a scale aggregation block of a ScaleNet.
type SABlock struct {
	Name   string // of its parameters: layerS.B
	Stage  int    // counted from 1
	Planes int    // channels that its convolutions see
	Stride int    // of the max pool in front of it
	Side   int    // of its features, for the input that the network was made for
	Scales []SAScale
}

// SAScale is one branch of an SABlock.
type SAScale struct {
	Pool    int
	Neurons int
	Kernel  int // of its convolution: 3 or 1
	Side    int // of what its convolution gives; 0 when the pool is larger than the features
	// Windows are what a pixel of it sees of the block's features, one after the
	// other, and Repeat the factor by which it is resized back to them: by
	// repeating pixels, or bilinearly.
	Windows  []Window
	Repeat   int
	Bilinear bool
}

// Window is what a pixel of a convolution's or a pool's result sees: Kernel
// pixels from Pad before Stride times its own position on.
type Window struct{ Kernel, Stride, Pad int }

// SABlocks describes the network's blocks from the input on.
func (n *ScaleNet) SABlocks() []SABlock {
	var list []SABlock
	for s, blocks := range n.blocks {
		for b := range blocks {
			row := n.rows[len(list)]
			block := SABlock{
				Name: fmt.Sprintf("layer%d.%d", s+1, b), Stage: s + 1,
				Planes: n.planes[s], Stride: 1, Side: row[len(row)-1],
			}
			if b == 0 {
				block.Stride = n.strides[s]
			}
			for i, pool := range n.scales {
				block.Scales = append(block.Scales, n.downsample.describe(block.Side, pool, row[i], branchKernel(block.Side, i)))
			}
			list = append(list, block)
		}
	}
	return list
}

// StemWindows are the windows of the stem.
func (n *ScaleNet) StemWindows() []Window {
	windows := []Window{{n.stem.Kernel, min(n.stem.stride(), 2), n.stem.Kernel / 2}}
	if n.stem.stride() == 4 {
		windows = append(windows, Window{3, 2, 1})
	}
	return windows
}

// NeuronMACs counts the multiply-adds of one neuron at a scale, counted from
// 0: its convolution of all planes at the pooled resolution.
func (b SABlock) NeuronMACs(scale int) int {
	s := b.Scales[scale]
	return b.Planes * s.Kernel * s.Kernel * s.Side * s.Side
}

// MACs counts the multiply-adds of all branches' convolutions.
func (b SABlock) MACs() int {
	sum := 0
	for i, s := range b.Scales {
		sum += s.Neurons * b.NeuronMACs(i)
	}
	return sum
}

// ReplacedMACs counts the multiply-adds of the 3x3 convolution that the block
// takes the place of, that of a ResNet's bottleneck. A ResNet that strides on
// the 3x3 and one that strides on the 1x1 before it agree: its output has the
// side of the stage.
func (b SABlock) ReplacedMACs() int {
	return b.Planes * b.Planes * 3 * 3 * b.Side * b.Side
}

// branchKernel is the side of the convolution of a scale, counted from 0, in
// features of a side that belongs to the architecture.
func branchKernel(side, scale int) int {
	if side <= 1<<scale {
		return 1
	}
	return 3
}

// StageSides is the side of the features of each stage for square images.
func StageSides(n Network, side int) (sides []int, err error) {
	err = nn.Build(func() {
		g := nn.NewGraph(nn.NewParams(0), false)
		x := n.Stem(g, g.Features("images", 1, side, side, 3))
		for s := 1; s <= n.Stages(); s++ {
			x = n.Stage(g, x, s)
			sides = append(sides, x.Shape()[1])
		}
	})
	return sides, err
}
