package rpn

import (
	"fmt"
	"math"

	"scalenet/geom"
	"scalenet/internal/brief"
)

// Config holds the numbers of the region proposal network.
type Config struct {
	// Convention of all boxes: the detector's, which has the key for it.
	Convention geom.Convention `yaml:"-"`

	Anchors    Anchors        `yaml:"anchors"`
	Channels   int            `yaml:"channels"`    // of the 3x3 convolution of the head
	Objectness Objectness     `yaml:"objectness"`  // sigmoid of A logits or softmax of 2A
	BoxWeights [4]float32     `yaml:"box_weights"` // of dx, dy, dw, dh: 1/std
	LossBeta   float64        `yaml:"loss_beta"`   // smooth L1: quadratic below; 1/sigma^2
	Targets    TargetConfig   `yaml:"targets"`
	Proposals  ProposalConfig `yaml:"proposals"`
}

// TargetConfig holds the numbers of the training targets.
type TargetConfig struct {
	ForegroundIoU    float64 `yaml:"foreground_iou"`    // an anchor is an object from here on
	BackgroundIoU    float64 `yaml:"background_iou"`    // and background below
	Samples          int     `yaml:"samples"`           // anchors an image
	PositiveFraction float64 `yaml:"positive_fraction"` // at most, of the samples
	InsideOnly       bool    `yaml:"inside_only"`       // leave out anchors that cross the border
	CrowdShare       float64 `yaml:"crowd_share"`       // an anchor this far inside a crowd is no background; 0: crowds are left out and no more
}

// ProposalConfig holds the numbers of the choice of proposals.
type ProposalConfig struct {
	NMSIoU  float64 `yaml:"nms_iou"`  // proposals that overlap a better one by more go
	MinSize float64 `yaml:"min_size"` // shortest side in pixels of the network's input
	Train   Counts  `yaml:"train"`
	Test    Counts  `yaml:"test"`
}

// Counts says how many of the best-scored proposals of an image go on.
type Counts struct {
	BeforeNMS int `yaml:"before_nms"`
	AfterNMS  int `yaml:"after_nms"`
}

// Objectness says how the head's logits become a score.
type Objectness string

// The two kinds of objectness.
const (
	Sigmoid Objectness = "sigmoid" // A logits a cell
	Softmax Objectness = "softmax" // 2A logits a cell: A of background, then A of foreground
)

// Logits is the number of objectness channels for the given anchors a cell.
func (o Objectness) Logits(anchors int) int {
	if o == Softmax {
		return 2 * anchors
	}
	return anchors
}

// Default is what torchvision's Faster R-CNN does on one feature map, with
// the anchor sizes of its FPN, not rounded, and the counts of the paper's detector.
func Default() Config {
	return Config{
		Convention: geom.Continuous,
		Anchors:    Anchors{Stride: 16, Sizes: []float64{32, 64, 128, 256, 512}, Ratios: []float64{0.5, 1, 2}, Rounding: RoundNone},
		Channels:   512,
		Objectness: Sigmoid,
		BoxWeights: [4]float32{1, 1, 1, 1},
		LossBeta:   1.0 / 9,
		Targets: TargetConfig{
			ForegroundIoU: 0.7, BackgroundIoU: 0.3,
			Samples: 256, PositiveFraction: 0.5,
			CrowdShare: 0.7, // Detectron's TRAIN.CROWD_FILTER_THRESH
		},
		Proposals: ProposalConfig{
			NMSIoU: 0.7, MinSize: 1e-3,
			Train: Counts{BeforeNMS: 12000, AfterNMS: 2000},
			Test:  Counts{BeforeNMS: 6000, AfterNMS: 300},
		},
	}
}

// Paper is the detector of the ScaleNet paper, jwyang/faster-rcnn.pytorch with
// scales 4 to 32 of a base of 16 pixels (for COCO), number by number. At
// 800/1200 pixels it keeps 1,000 proposals at test.
func Paper() Config {
	c := Default()
	c.Convention = geom.Inclusive
	c.Anchors.Sizes = []float64{64, 128, 256, 512}
	c.Anchors.Rounding = RoundBase
	c.Objectness = Softmax
	c.Targets.InsideOnly = true
	c.Targets.CrowdShare = 0
	c.Proposals.MinSize = 0
	return c
}

// What a configuration may ask for: far more than anyone has asked for, and little
// enough that a wrong number in a file is an error and not an allocation.
const (
	mostChannels = 1 << 14
	mostBoxes    = 1 << 16 // of an image
	mostPerCell  = 256     // anchors
	mostSide     = 1 << 16 // of an anchor, pixels
)

// Validate checks the ranges; the error names the key and the value.
func (c Config) Validate() error {
	if err := c.Anchors.validate(); err != nil {
		return err
	}
	t, p := c.Targets, c.Proposals
	for _, k := range []struct {
		key   string
		value any
		valid bool
		need  string
	}{
		{"channels", c.Channels, within(c.Channels, mostChannels), "from 1 to 16384"},
		{"objectness", c.Objectness, c.Objectness == Sigmoid || c.Objectness == Softmax, "sigmoid or softmax"},
		{"loss_beta", c.LossBeta, positive(c.LossBeta), "above 0"},
		{"box_weights", c.BoxWeights, positive(float64(min(c.BoxWeights[0], c.BoxWeights[1], c.BoxWeights[2], c.BoxWeights[3]))) && positive(float64(max(c.BoxWeights[0], c.BoxWeights[1], c.BoxWeights[2], c.BoxWeights[3]))), "above 0"},
		{"targets.foreground_iou", t.ForegroundIoU, t.ForegroundIoU > 0 && t.ForegroundIoU <= 1, "in (0, 1]"},
		{"targets.background_iou", t.BackgroundIoU, t.BackgroundIoU >= 0 && t.BackgroundIoU <= t.ForegroundIoU, "in [0, foreground_iou]"},
		{"targets.samples", t.Samples, within(t.Samples, mostBoxes), "from 1 to 65536"},
		{"targets.positive_fraction", t.PositiveFraction, inUnit(t.PositiveFraction), "in [0, 1]"},
		{"targets.crowd_share", t.CrowdShare, inUnit(t.CrowdShare), "in [0, 1]"},
		{"proposals.nms_iou", p.NMSIoU, inUnit(p.NMSIoU), "in [0, 1]"},
		{"proposals.min_size", p.MinSize, p.MinSize >= 0 && p.MinSize <= math.MaxFloat32, "at least 0"},
		{"proposals.train.before_nms", p.Train.BeforeNMS, within(p.Train.BeforeNMS, mostBoxes), "from 1 to 65536"},
		{"proposals.train.after_nms", p.Train.AfterNMS, within(p.Train.AfterNMS, mostBoxes), "from 1 to 65536"},
		{"proposals.test.before_nms", p.Test.BeforeNMS, within(p.Test.BeforeNMS, mostBoxes), "from 1 to 65536"},
		{"proposals.test.after_nms", p.Test.AfterNMS, within(p.Test.AfterNMS, mostBoxes), "from 1 to 65536"},
	} {
		if !k.valid {
			return invalid(k.key, k.value, k.need)
		}
	}
	return nil
}

func invalid(key string, value any, need string) error {
	return fmt.Errorf("rpn.%s = %s: must be %s", key, brief.Value(value), need)
}

func within(v, most int) bool { return v >= 1 && v <= most }
func inUnit(v float64) bool   { return v >= 0 && v <= 1 }
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 1) }

func (c Config) coder() geom.Coder {
	return geom.Coder{Convention: c.Convention, Weights: c.BoxWeights}
}
