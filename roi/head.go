package roi

import (
	"fmt"
	"math"

	"scalenet/nn"
)

// The standard deviations of the head's initial weights.
const (
	scoreStd = 0.01
	deltaStd = 0.001
)

// BoxHead configures the layers between RoIAlign and the box predictor of a detector without a next stage: 3x3 convolutions, then fully connected layers,
// each with ReLU. Names are detectron2's.
type BoxHead struct {
	// Convs is the number of 3x3 convolutions, and ConvChannels their channels.
	Convs        int `yaml:"convs" validate:"gte=0,lte=64"`
	ConvChannels int `yaml:"conv_channels,omitempty" validate:"gte=0,lte=16384"`
	// Linear is the number of fully connected layers, and Channels their channels.
	Linear   int `yaml:"linear" validate:"gte=0,lte=64"`
	Channels int `yaml:"channels,omitempty" validate:"gte=0,lte=16384"`
	// Norm adds a BatchNorm to each convolution.
	Norm bool `yaml:"norm"`
}

// check returns an error if a number of channels is missing, or the head has no layer.
func (h BoxHead) check() error {
	switch {
	case h.Convs == 0 && h.Linear == 0:
		return fmt.Errorf("roi.box_head: convs = 0 and linear = 0: at least one must be above 0")
	case h.Convs > 0 && h.ConvChannels < 1:
		return fmt.Errorf("roi.box_head.conv_channels = %d: must be above 0", h.ConvChannels)
	case h.Linear > 0 && h.Channels < 1:
		return fmt.Errorf("roi.box_head.channels = %d: must be above 0", h.Channels)
	}
	return nil
}

// Build adds the layers: RoI features (R, size, size, C) -> (R, channels). The rows of the first fully connected layer's weight are in order
// (y, x, channel). Without fully connected layers, the convolutions' output is averaged.
func (h BoxHead) Build(g *nn.Graph, x *nn.Node) *nn.Node {
	for i := range h.Convs {
		name := fmt.Sprintf("roi_heads.box_head.conv%d", i+1)
		c := nn.Conv2D{Stride: 1, Pad: 1}
		if h.Norm {
			x = nn.Relu(g.Norm(g.Conv(x, name, h.ConvChannels, 3, c), name+".norm"))
		} else {
			x = nn.Relu(g.BiasedConv(x, name, h.ConvChannels, 3, c, math.Sqrt(2/float64(9*h.ConvChannels)))) // He, fan-out
		}
	}
	if h.Linear == 0 {
		return nn.GlobalAvgPool(x)
	}
	s := x.Shape()
	x = nn.Reshaped(x, s[0], s[1]*s[2]*s[3])
	for i := range h.Linear {
		if i > 0 { // as features, which have a 16-bit type in bfloat16 and float16
			x = nn.Reshaped(nn.Relu(nn.Reshaped(x, s[0], 1, 1, h.Channels)), s[0], h.Channels)
		}
		x = g.Linear(x, fmt.Sprintf("roi_heads.box_head.fc%d", i+1), h.Channels, nn.UniformFanIn(x.Shape()[1]))
	}
	return nn.Relu(x)
}

// Head adds the two linear layers of the box predictor: x (R, C) -> logits (R, classes+1), background first, and deltas (R, Columns(classes)).
func (c Config) Head(g *nn.Graph, x *nn.Node, classes int) (logits, deltas *nn.Node) {
	logits = g.Linear(x, "roi_heads.box_predictor.cls_score", classes+1, nn.Normal(scoreStd))
	deltas = g.Linear(x, "roi_heads.box_predictor.bbox_pred", c.Columns(classes), nn.Normal(deltaStd))
	return logits, deltas
}

// Losses returns two scalars: the classification loss, the mean cross entropy over the rows that are not ignored, and the box loss, the weighted
// sum of smooth L1. labels (R), boxes and weights (R, Columns) are the targets that Fill writes.
func (c Config) Losses(logits, deltas, labels, boxes, weights *nn.Node) (score, box *nn.Node) {
	score = nn.Apply(nn.SoftmaxCrossEntropy{}, logits, labels)
	return score, nn.Apply(nn.SmoothL1{Beta: c.LossBeta}, deltas, boxes, weights)
}
