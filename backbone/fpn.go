package backbone

import (
	"fmt"
	"math"

	"scalenet/nn"
)

// Level is a feature map (N, h, w, C) and its stride in input pixels.
type Level struct {
	Features *nn.Node
	Stride   int
}

// Levels adds the network and returns the outputs of the given stages, which are in ascending order.
func Levels(g *nn.Graph, n Network, x *nn.Node, stages []int) (levels []Level) {
	x = n.Stem(g, x)
	for s := 1; len(levels) < len(stages); s++ {
		x = n.Stage(g, x, s)
		if s == stages[len(levels)] {
			levels = append(levels, Level{x, n.Stride(s)})
		}
	}
	return levels
}

// FPN configures a feature pyramid network (Lin et al., "Feature Pyramid Networks for Object Detection"): levels of equal channels, each of which sees
// the coarser ones.
type FPN struct {
	// Stages are the backbone stages whose outputs are the inputs of the pyramid, in ascending order; 1 to 4 have strides 4 to 32.
	Stages []int `yaml:"stages,flow" validate:"min=1,max=8,dive,gte=1"`
	// Channels of each level; 256.
	Channels int `yaml:"channels" validate:"gte=1,lte=16384"`
	// Norm adds a BatchNorm to each convolution, in place of its bias.
	Norm bool `yaml:"norm"`
	// ExtraLevel adds a level of twice the last stride for the RPN: every second pixel of the last level in both directions.
	ExtraLevel bool `yaml:"extra_level"`
}

// Check returns an error if the network does not have the stages in this order.
func (f FPN) Check(n Network) error {
	for i, s := range f.Stages {
		if s > n.Stages() || i > 0 && s <= f.Stages[i-1] {
			return fmt.Errorf("neck.stages = %v: want stages from 1 to %d in ascending order", f.Stages, n.Stages())
		}
	}
	return nil
}

// Build adds the pyramid on the levels of a backbone, from fine to coarse. It returns a level for each, then the extra level. Layers have torchvision's
// names: fpn.inner_blocks.I.0 are the lateral 1x1 convolutions, fpn.layer_blocks.I.0 the 3x3 convolutions of the output.
func (f FPN) Build(g *nn.Graph, in []Level) []Level {
	last := len(in) - 1
	levels := make([]Level, len(in), len(in)+1)
	var above *nn.Node // the coarser level before its output convolution
	for i := last; i >= 0; i-- {
		x := f.conv(g, in[i].Features, fmt.Sprintf("fpn.inner_blocks.%d", i), 1)
		if above != nil {
			s := x.Shape()
			x = nn.Sum(x, nn.Resize(above, s[1], s[2], nn.Nearest))
		}
		levels[i] = Level{f.conv(g, x, fmt.Sprintf("fpn.layer_blocks.%d", i), 3), in[i].Stride}
		above = x
	}
	if f.ExtraLevel {
		levels = append(levels, Level{nn.MaxPool(levels[last].Features, 1, 2, 0), 2 * in[last].Stride})
	}
	return levels
}

// conv is a convolution without activation. Its initial weights have the variance of torchvision's, 1 / fan-in.
func (f FPN) conv(g *nn.Graph, x *nn.Node, name string, kernel int) *nn.Node {
	c := nn.Conv2D{Stride: 1, Pad: kernel / 2}
	if f.Norm {
		return g.Norm(g.Conv(x, name+".0", f.Channels, kernel, c), name+".1")
	}
	fanIn := x.Shape()[3] * kernel * kernel
	return g.BiasedConv(x, name+".0", f.Channels, kernel, c, 1/math.Sqrt(float64(fanIn)))
}
