package roi

import (
	"slices"

	"scalenet/geom"
	"scalenet/internal/config"
	"scalenet/nn"
)

// Config configures the box head.
type Config struct {
	// Convention of all boxes; the detector sets it.
	Convention geom.Convention `yaml:"-"`

	Align AlignConfig `yaml:"align"`
	// BoxHead are the layers after RoIAlign. Without it they are the backbone's next stage and global average pooling, as in C4.
	BoxHead *BoxHead `yaml:"box_head,omitempty"`
	// ClassAgnostic predicts one box per RoI instead of one per class.
	ClassAgnostic bool `yaml:"class_agnostic"`
	// BoxWeights multiply dx, dy, dw and dh: the inverse of their standard deviations.
	BoxWeights [4]float32 `yaml:"box_weights" validate:"dive,gt=0,finite"`
	// LossBeta is the box delta below which smooth L1 is quadratic: 1/sigma^2.
	LossBeta   float64         `yaml:"loss_beta" validate:"gt=0,finite"`
	Targets    TargetConfig    `yaml:"targets"`
	Detections DetectionConfig `yaml:"detections"`
}

// AlignConfig configures RoIAlign, an operation of package nn.
type AlignConfig struct {
	// Size is the height and width of the output in cells.
	Size int `yaml:"size" validate:"gte=1,lte=64"`
	// SamplingRatio is the number of sampling points per output cell in each direction. 0, the default, takes the size of the output cell in feature
	// cells, rounded up.
	SamplingRatio int `yaml:"sampling_ratio" validate:"gte=0,lte=64"`
	// Aligned shifts RoIs by half a feature cell (torchvision's aligned=True); default true.
	Aligned bool `yaml:"aligned"`
	// Points is where features are sampled: in bins, as RoIAlign does (default), or "jwyang-align" or "jwyang-crop", the pooling modes of jwyang's detector,
	// which ignore SamplingRatio and Aligned.
	Points nn.RoIPoints `yaml:"points,omitempty" validate:"omitempty,oneof=jwyang-align jwyang-crop"`
	// CanonicalSize in pixels of the model input is the size of a RoI that is pooled from level CanonicalLevel, which has stride 2^CanonicalLevel; RoIs of
	// twice the size are pooled from the next level (FPN paper, equation 1: 224 and 4). LevelFormula is the rounding. All are unused with one level.
	CanonicalSize  float64         `yaml:"canonical_size,omitempty" validate:"gte=0,lte=65536"`
	CanonicalLevel int             `yaml:"canonical_level,omitempty" validate:"gte=0,lte=16"`
	LevelFormula   nn.LevelFormula `yaml:"level_formula,omitempty" validate:"omitempty,oneof=torchvision detectron2 mmdetection"`
}

// Operation returns the graph operation on features of which the finest have the given stride.
func (a AlignConfig) Operation(stride int) nn.RoIAlign {
	op := nn.RoIAlign{
		Size: a.Size, Scale: 1 / float64(stride), Sampling: a.SamplingRatio, Aligned: a.Aligned, Points: a.Points,
		Mapper: nn.LevelMapper{Size: a.CanonicalSize, Level: a.CanonicalLevel, Formula: a.LevelFormula},
	}
	switch a.Points {
	case nn.JwyangAlign: // a point at each corner of a cell
		op.Size, op.Sampling, op.Aligned = a.Size+1, 0, false
	case nn.JwyangCrop: // 2 x 2 points a cell
		op.Size, op.Sampling, op.Aligned = 2*a.Size, 0, false
	}
	return op
}

// Build adds features of each level, the finest of the given stride, and RoIs (R, 5) -> (R, Size, Size, C).
func (a AlignConfig) Build(features []*nn.Node, rois *nn.Node, stride int) *nn.Node {
	x := nn.Apply(a.Operation(stride), append(slices.Clone(features), rois)...)
	switch a.Points {
	case nn.JwyangAlign: // RoIAlignAvg
		return nn.AvgPool(x, 2, 1, 0)
	case nn.JwyangCrop: // CROP_RESIZE_WITH_MAX_POOL
		return nn.MaxPool(x, 2, 2, 0)
	}
	return x
}

// TargetConfig configures the training samples of the box head.
type TargetConfig struct {
	// ForegroundIoU: proposals with at least this IoU with a ground-truth box are foreground.
	ForegroundIoU float64 `yaml:"foreground_iou" validate:"gt=0,lte=1"`
	// BackgroundIoU: proposals whose highest IoU is below this are background.
	BackgroundIoU float64 `yaml:"background_iou" validate:"gte=0,ltefield=ForegroundIoU"`
	// Samples is the number of RoIs sampled per image.
	Samples int `yaml:"samples" validate:"gte=1,lte=65536"`
	// PositiveFraction is the maximum fraction of foreground among the samples.
	PositiveFraction float64 `yaml:"positive_fraction" validate:"gte=0,lte=1"`
	// Replace samples with replacement, so that there are always Samples samples; default false.
	Replace bool `yaml:"replace"`
	// CrowdShare: proposals with at least this fraction of their area inside a crowd region are ignored instead of labelled background;
	// 0 disables this check.
	CrowdShare float64 `yaml:"crowd_share" validate:"gte=0,lte=1"`
}

// DetectionConfig configures the post-processing of the box head's output.
type DetectionConfig struct {
	// Score is the threshold: detections have a higher score.
	Score float64 `yaml:"score" validate:"gte=0,lte=1"`
	// NMSIoU: a box is suppressed if its IoU with a higher-scored box of the same class exceeds this.
	NMSIoU float64 `yaml:"nms_iou" validate:"gte=0,lte=1"`
	// MinSize is the minimum width and height of a detection in pixels of the network's input.
	MinSize float64 `yaml:"min_size" validate:"gte=0,lte=1e6"`
	// PerImage is the maximum number of detections per image.
	PerImage int `yaml:"per_image" validate:"gte=1,lte=65536"`
	// Divisor is that of [nn.DetectionLimits]; the detector sets it.
	Divisor float64 `yaml:"-"`
}

// Default returns the settings of torchvision's Faster R-CNN, but with 256 sampled RoIs per image.
func Default() Config {
	return Config{
		Convention: geom.Continuous,
		Align:      AlignConfig{Size: 14, SamplingRatio: 0, Aligned: true},
		BoxWeights: [4]float32{10, 10, 5, 5}, // std 0.1, 0.1, 0.2, 0.2
		LossBeta:   1,
		Targets: TargetConfig{
			ForegroundIoU: 0.5, BackgroundIoU: 0.5,
			Samples: 256, PositiveFraction: 0.25,
			CrowdShare: 0.7, // Detectron's TRAIN.CROWD_FILTER_THRESH
		},
		Detections: DetectionConfig{Score: 0.05, NMSIoU: 0.5, MinSize: 1e-2, PerImage: 100},
	}
}

// Paper returns the settings of the paper's detector, jwyang/faster-rcnn.pytorch with RoIAlign. Its score threshold is 0, for evaluation; to draw
// detections, raise Score.
func Paper() Config {
	c := Default()
	c.Convention = geom.Inclusive
	c.Align.Aligned = false
	c.Targets.Samples = 128
	c.Targets.Replace = true
	c.Targets.CrowdShare = 0
	c.Detections = DetectionConfig{Score: 0, NMSIoU: 0.3, MinSize: 0, PerImage: 100}
	return c
}

// Columns returns the number of box deltas per RoI: 4 if class-agnostic, else 4*(classes+1).
func (c Config) Columns(classes int) int {
	if c.ClassAgnostic {
		return 4
	}
	return 4 * (classes + 1)
}

// Validate checks all ranges; the error names the key and the value. The upper bounds are above the needs of any detector, so that a mistyped number
// gives an error instead of a huge allocation.
func (c Config) Validate() error {
	if err := config.Validate(c, "roi"); err != nil || c.BoxHead == nil {
		return err
	}
	return c.BoxHead.check()
}

func (c Config) coder() geom.Coder {
	return geom.Coder{Convention: c.Convention, Weights: c.BoxWeights}
}
