package rpn

import (
	"scalenet/geom"
	"scalenet/internal/config"
)

// Config configures the region proposal network.
type Config struct {
	// Convention of all boxes; the detector sets it.
	Convention geom.Convention `yaml:"-"`

	Anchors Anchors `yaml:"anchors"`
	// Channels is the number of output channels of the head's 3x3 convolutions; default 512. Depth is their number; default 1.
	Channels int `yaml:"channels" validate:"gte=1,lte=16384"`
	Depth    int `yaml:"depth" validate:"gte=1,lte=64"`
	// Objectness is sigmoid (A logits per cell, the default) or softmax (2A).
	Objectness Objectness `yaml:"objectness" validate:"oneof=sigmoid softmax"`
	// BoxWeights multiply dx, dy, dw and dh: the inverse of their standard deviations.
	BoxWeights [4]float32 `yaml:"box_weights" validate:"dive,gt=0,finite"`
	// LossBeta is the box delta below which smooth L1 is quadratic: 1/sigma^2.
	LossBeta  float64        `yaml:"loss_beta" validate:"gt=0,finite"`
	Targets   TargetConfig   `yaml:"targets"`
	Proposals ProposalConfig `yaml:"proposals"`
}

// TargetConfig configures the training targets of anchors.
type TargetConfig struct {
	// ForegroundIoU: anchors with at least this IoU with a ground-truth box are foreground.
	ForegroundIoU float64 `yaml:"foreground_iou" validate:"gt=0,lte=1"`
	// BackgroundIoU: anchors whose highest IoU is below this are background.
	BackgroundIoU float64 `yaml:"background_iou" validate:"gte=0,ltefield=ForegroundIoU"`
	// Samples is the number of anchors sampled per image.
	Samples int `yaml:"samples" validate:"gte=1,lte=65536"`
	// PositiveFraction is the maximum fraction of foreground among the samples.
	PositiveFraction float64 `yaml:"positive_fraction" validate:"gte=0,lte=1"`
	// InsideOnly ignores anchors that cross the image border.
	InsideOnly bool `yaml:"inside_only"`
	// CrowdShare: anchors with at least this fraction of their area inside a crowd region are ignored instead of labelled background;
	// 0 disables this check.
	CrowdShare float64 `yaml:"crowd_share" validate:"gte=0,lte=1"`
}

// ProposalConfig configures the selection of proposals.
type ProposalConfig struct {
	// NMSIoU: a proposal is suppressed if its IoU with a higher-scored one exceeds this.
	NMSIoU float64 `yaml:"nms_iou" validate:"gte=0,lte=1"`
	// MinSize is the minimum width and height of a proposal in pixels of the network's input.
	MinSize float64 `yaml:"min_size" validate:"gte=0,lte=1e6"`
	// MinScore is the minimum objectness of a proposal, from 0 to 1 (torchvision's rpn_score_thresh); default 0.
	MinScore float64 `yaml:"min_score,omitempty" validate:"gte=0,lt=1"`
	Train    Counts  `yaml:"train"`
	Test     Counts  `yaml:"test"`
}

// Counts are the numbers of highest-scored proposals kept per image: of each level before NMS, of all levels after NMS (torchvision's
// rpn_pre_nms_top_n and rpn_post_nms_top_n).
type Counts struct {
	BeforeNMS int `yaml:"before_nms" validate:"gte=1,lte=65536"`
	AfterNMS  int `yaml:"after_nms" validate:"gte=1,lte=65536"`
}

// Objectness is the function that turns the head's logits into a score.
type Objectness string

// The two kinds of objectness.
const (
	Sigmoid Objectness = "sigmoid" // A logits per cell
	Softmax Objectness = "softmax" // 2A logits per cell: A for background, then A for foreground
)

// Logits returns the number of objectness logits for the given number of anchors.
func (o Objectness) Logits(anchors int) int {
	if o == Softmax {
		return 2 * anchors
	}
	return anchors
}

// Default returns the settings of torchvision's Faster R-CNN on one feature map, with the anchor sizes of its FPN, not rounded, and the proposal
// counts of the paper's detector.
func Default() Config {
	return Config{
		Convention: geom.Continuous,
		Anchors:    Anchors{Stride: 16, Sizes: []float64{32, 64, 128, 256, 512}, Ratios: []float64{0.5, 1, 2}, Rounding: RoundNone},
		Channels:   512,
		Depth:      1,
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

// Paper returns the settings of the paper's detector: jwyang/faster-rcnn.pytorch with its COCO anchors, scales 4 to 32 of a base of 16 pixels. The
// paper uses 1,000 test proposals at 800/1200 pixels; Paper sets 300, for 600/1000.
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

// Validate checks all ranges; the error names the key and the value. The upper bounds are above the needs of any detector, so that a mistyped number
// gives an error instead of a huge allocation.
func (c Config) Validate() error { return config.Validate(c, "rpn") }

func (c Config) coder() geom.Coder {
	return geom.Coder{Convention: c.Convention, Weights: c.BoxWeights}
}
