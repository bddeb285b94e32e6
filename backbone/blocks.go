package backbone

import (
	"fmt"

	"scalenet/nn"
)

// SABlock describes a scale aggregation block of a ScaleNet.
type SABlock struct {
	Name   string // of its parameters: layerS.B
	Stage  int    // counted from 1
	Planes int    // input channels of its convolutions
	Stride int    // of the max pool before it
	Side   int    // height and width of its features at the network's nominal input size
	Scales []SAScale
}

// SAScale is one branch of an SABlock.
type SAScale struct {
	Pool    int
	Neurons int
	Kernel  int // of its convolution: 3 or 1
	Side    int // of what its convolution gives; 0 when the pool is larger than the features
	// Windows are the windows of the branch's operations, from the block's input to the convolution's output. Repeat is the factor by which the output is
	// resized back to the block's resolution: by repeating pixels, or bilinearly.
	Windows  []Window
	Repeat   int
	Bilinear bool
}

// Window is the input window of an output pixel of a convolution or a pool, in one dimension: output i reads Kernel pixels from i*Stride - Pad on.
type Window struct{ Kernel, Stride, Pad int }

// SABlocks returns the network's blocks, from the input on.
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

// StemWindows returns the windows of the stem's operations.
func (n *ScaleNet) StemWindows() []Window {
	windows := []Window{{n.stem.Kernel, min(n.stem.stride(), 2), n.stem.Kernel / 2}}
	if n.stem.stride() == 4 {
		windows = append(windows, Window{3, 2, 1})
	}
	return windows
}

// NeuronMACs returns the multiply-adds of one neuron (output channel) at a scale, counted from 0: those of its convolution over all planes at the pooled
// resolution.
func (b SABlock) NeuronMACs(scale int) int {
	s := b.Scales[scale]
	return b.Planes * s.Kernel * s.Kernel * s.Side * s.Side
}

// MACs returns the multiply-adds of all branches' convolutions.
func (b SABlock) MACs() int {
	sum := 0
	for i, s := range b.Scales {
		sum += s.Neurons * b.NeuronMACs(i)
	}
	return sum
}

// ReplacedMACs returns the multiply-adds of the 3x3 convolution that the block replaces in a ResNet's bottleneck. They do not depend on whether the ResNet
// has its stride on the 3x3 or on the 1x1 convolution before.
func (b SABlock) ReplacedMACs() int {
	return b.Planes * b.Planes * 3 * 3 * b.Side * b.Side
}

// branchKernel returns the kernel size of the convolution at a scale, counted from 0, for features of the given height and width.
func branchKernel(side, scale int) int {
	if side <= 1<<scale {
		return 1
	}
	return 3
}

// StageSides returns the height and width of each stage's features for square images of the given size.
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
