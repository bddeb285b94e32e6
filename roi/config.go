package roi

import (
	"fmt"
	"math"

	"scalenet/geom"
	"scalenet/internal/brief"
)

// Config holds the numbers of the box head.
type Config struct {
	// Convention of all boxes: the detector's, which has the key for it.
	Convention geom.Convention `yaml:"-"`

	Align         AlignConfig     `yaml:"align"`
	ClassAgnostic bool            `yaml:"class_agnostic"` // one box for all classes
	BoxWeights    [4]float32      `yaml:"box_weights"`    // of dx, dy, dw, dh: 1/std
	LossBeta      float64         `yaml:"loss_beta"`      // smooth L1: quadratic below; 1/sigma^2
	Targets       TargetConfig    `yaml:"targets"`
	Detections    DetectionConfig `yaml:"detections"`
}

// AlignConfig describes RoIAlign, an operation of package nn.
type AlignConfig struct {
	Size          int  `yaml:"size"`           // cells a side
	SamplingRatio int  `yaml:"sampling_ratio"` // points a cell and side; 0: as many as it spans feature cells
	Aligned       bool `yaml:"aligned"`        // shifted by half a pixel, so that pixels are areas and not points
}

// TargetConfig holds the numbers of the training samples.
type TargetConfig struct {
	ForegroundIoU    float64 `yaml:"foreground_iou"`    // a proposal is an object from here on
	BackgroundIoU    float64 `yaml:"background_iou"`    // and background below
	Samples          int     `yaml:"samples"`           // RoIs an image
	PositiveFraction float64 `yaml:"positive_fraction"` // at most, of the samples
	Replace          bool    `yaml:"replace"`           // draw with replacement: the sample is always complete
	CrowdShare       float64 `yaml:"crowd_share"`       // a proposal this far inside a crowd is no background; 0: crowds are left out and no more
}

// DetectionConfig holds the numbers of the choice of detections.
type DetectionConfig struct {
	Score    float64 `yaml:"score"`     // detections are scored above
	NMSIoU   float64 `yaml:"nms_iou"`   // those that overlap a better one of their class by more go
	MinSize  float64 `yaml:"min_size"`  // shortest side in pixels of the network's input
	PerImage int     `yaml:"per_image"` // the best-scored stay
}

// Default is what torchvision's Faster R-CNN does, with 256 RoIs an image.
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

// Paper is the detector of the ScaleNet paper, jwyang/faster-rcnn.pytorch with
// RoIAlign, number by number. To show detections, raise Score to 0.05.
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

// Columns is the number of box deltas of one RoI for K classes.
func (c Config) Columns(classes int) int {
	if c.ClassAgnostic {
		return 4
	}
	return 4 * (classes + 1)
}

// mostBoxes bounds the boxes of an image that a configuration may ask for: more
// than anyone has asked for, and little enough that a wrong number in a file is
// an error and not an allocation.
const mostBoxes = 1 << 16

// Validate checks the ranges; the error names the key and the value.
func (c Config) Validate() error {
	t, d := c.Targets, c.Detections
	for _, k := range []struct {
		key   string
		value any
		valid bool
		need  string
	}{
		{"align.size", c.Align.Size, c.Align.Size >= 1 && c.Align.Size <= 64, "from 1 to 64"},
		{"align.sampling_ratio", c.Align.SamplingRatio, c.Align.SamplingRatio >= 0 && c.Align.SamplingRatio <= 64, "from 0 to 64"},
		{"box_weights", c.BoxWeights, positive(float64(min(c.BoxWeights[0], c.BoxWeights[1], c.BoxWeights[2], c.BoxWeights[3]))) && positive(float64(max(c.BoxWeights[0], c.BoxWeights[1], c.BoxWeights[2], c.BoxWeights[3]))), "above 0"},
		{"loss_beta", c.LossBeta, positive(c.LossBeta), "above 0"},
		{"targets.foreground_iou", t.ForegroundIoU, t.ForegroundIoU > 0 && t.ForegroundIoU <= 1, "in (0, 1]"},
		{"targets.background_iou", t.BackgroundIoU, t.BackgroundIoU >= 0 && t.BackgroundIoU <= t.ForegroundIoU, "in [0, foreground_iou]"},
		{"targets.samples", t.Samples, t.Samples >= 1 && t.Samples <= mostBoxes, "from 1 to 65536"},
		{"targets.positive_fraction", t.PositiveFraction, inUnit(t.PositiveFraction), "in [0, 1]"},
		{"targets.crowd_share", t.CrowdShare, inUnit(t.CrowdShare), "in [0, 1]"},
		{"detections.score", d.Score, inUnit(d.Score), "in [0, 1]"},
		{"detections.nms_iou", d.NMSIoU, inUnit(d.NMSIoU), "in [0, 1]"},
		{"detections.min_size", d.MinSize, d.MinSize >= 0 && d.MinSize <= math.MaxFloat32, "at least 0"},
		{"detections.per_image", d.PerImage, d.PerImage >= 1 && d.PerImage <= mostBoxes, "from 1 to 65536"},
	} {
		if !k.valid {
			return fmt.Errorf("roi.%s = %s: must be %s", k.key, brief.Value(k.value), k.need)
		}
	}
	return nil
}

func inUnit(v float64) bool   { return v >= 0 && v <= 1 }
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 1) }

func (c Config) coder() geom.Coder {
	return geom.Coder{Convention: c.Convention, Weights: c.BoxWeights}
}
