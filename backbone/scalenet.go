package backbone

import (
	"fmt"
	"slices"

	"scalenet/nn"
)

// ScaleNet is a residual network of scale aggregation (SA) blocks.
type ScaleNet struct {
	stem       Stem
	blocks     []int // in each stage
	planes     []int // inner channels of each stage; a stage's output has four times as many
	strides    []int
	scales     []int // pool sizes, the first one 1
	downsample Downsample
	rows       Structure
	literal    bool
}

// expansion is the ratio of a bottleneck's output channels to its inner channels.
const expansion = 4

// NewScaleNet returns the ScaleNet that the fields of the configuration describe; the name is ignored. Strides and Scales may be nil, for 1, 2, 2, ... and
// 1, 2, 4, 7.
func NewScaleNet(c Config) (*ScaleNet, error) {
	if c.Scales == nil {
		c.Scales = imageNet.scales
	}
	if c.Strides == nil {
		c.Strides = defaultStrides(len(c.Blocks))
	}
	if err := checkStages(c.Stem, c.Blocks, c.Planes, c.Strides); err != nil {
		return nil, fmt.Errorf("scalenet: %w", err)
	}
	if len(c.Scales) > maxScales {
		return nil, fmt.Errorf("scalenet: %d scales: want at most %d", len(c.Scales), maxScales)
	}
	if len(c.Scales) == 0 || c.Scales[0] != 1 || slices.Min(c.Scales) < 1 || slices.Max(c.Scales) > maxPool {
		return nil, fmt.Errorf("scalenet: scales %v: want pool sizes up to %d of which the first is 1", c.Scales, maxPool)
	}
	if err := c.Downsample.check(); err != nil {
		return nil, fmt.Errorf("scalenet: %w", err)
	}
	total := 0
	for _, b := range c.Blocks {
		total += b
	}
	if err := c.Structure.check(total, len(c.Scales)); err != nil {
		return nil, fmt.Errorf("scalenet: structure: %w", err)
	}
	return &ScaleNet{stem: c.Stem, blocks: c.Blocks, planes: c.Planes, strides: c.Strides, scales: c.Scales,
		downsample: c.Downsample, rows: c.Structure}, nil
}

// Literal returns the same network, built in the order of the paper's definition: each branch is resized before BatchNorm, then all are concatenated. Its
// results are the same up to rounding, with more multiply-adds. Published counts of multiply-adds are for this form, and tests compare the other form
// with it.
func (n *ScaleNet) Literal() *ScaleNet {
	m := *n
	m.literal = true
	return &m
}

// Stem implements Network.
func (n *ScaleNet) Stem(g *nn.Graph, x *nn.Node) *nn.Node { return n.stem.build(g, x) }

// Stages implements Network.
func (n *ScaleNet) Stages() int { return len(n.blocks) }

// Stage implements Network.
func (n *ScaleNet) Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node {
	row := 0
	for _, b := range n.blocks[:s-1] {
		row += b
	}
	for b := range n.blocks[s-1] {
		block := saBlock{
			name: fmt.Sprintf("layer%d.%d", s, b), planes: n.planes[s-1], stride: 1,
			scales: n.scales, downsample: n.downsample, row: n.rows[row+b], literal: n.literal,
		}
		if b == 0 {
			block.stride = n.strides[s-1]
		}
		x = block.build(g, x)
	}
	return x
}

// Stride implements Network.
func (n *ScaleNet) Stride(s int) int { return strideAfter(n.stem, n.strides, s) }

// MinSide implements Network: the largest pool of a branch with neurons needs a pixel.
func (n *ScaleNet) MinSide(s int) (side int) {
	row := 0
	for t := 1; t <= s; t++ {
		for range n.blocks[t-1] {
			for i, size := range n.scales {
				if n.rows[row][i] > 0 {
					side = max(side, n.Stride(t)*size)
				}
			}
			row++
		}
	}
	return side
}

// Head implements Network.
func (n *ScaleNet) Head() string { return "fc" }

func defaultStrides(stages int) []int {
	s := make([]int, stages)
	for i := range s {
		s[i] = min(2, i+1)
	}
	return s
}

func strideAfter(stem Stem, strides []int, s int) int {
	stride := stem.stride()
	for _, t := range strides[:s] {
		stride *= t
	}
	return stride
}
