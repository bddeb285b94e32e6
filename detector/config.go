package detector

import (
	"embed"
	"fmt"
	"slices"

	"scalenet/backbone"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/config"
	"scalenet/roi"
	"scalenet/rpn"
	"scalenet/train"
)

// Config is everything about a detector and its training but the data.
type Config struct {
	Backbone backbone.Config `yaml:"backbone"`
	// FeatureStage is the stage whose output the RPN and RoIAlign see; the next
	// one judges regions. 3 is Faster R-CNN's C4.
	FeatureStage int `yaml:"feature_stage" validate:"gte=1"`
	// Boxes is the convention of all boxes: continuous, or inclusive as in the
	// detector that the paper trained.
	Boxes  geom.Convention `yaml:"boxes"`
	RPN    rpn.Config      `yaml:"rpn"`
	RoI    roi.Config      `yaml:"roi"`
	Frozen Frozen          `yaml:"frozen"`
	Input  Input           `yaml:"input"`
	// Batch is the number of images of a training step.
	Batch int          `yaml:"batch" validate:"gte=1,lte=65536"`
	Train train.Config `yaml:"train"`
}

// Frozen says what is not trained.
type Frozen struct {
	// Stages freezes the stem and this many stages; -1 freezes nothing.
	Stages int `yaml:"stages" validate:"gte=-1"`
	// Norms freezes every BatchNorm, its statistics and its affine part.
	Norms bool `yaml:"norms"`
}

// Input says how an image becomes the network's input.
type Input struct {
	// Mean and Std normalise red, green and blue of [0, 1].
	Mean [3]float32 `yaml:"mean,flow" validate:"dive,finite"`
	Std  [3]float32 `yaml:"std,flow" validate:"dive,gt=0,finite"`
	// Shorter is what the shorter side is resized to, in pixels, one drawn for
	// each training image; Longest is what the longer side has at most.
	Shorter []int `yaml:"shorter,flow" validate:"min=1,max=64,dive,gte=1,lte=8192"`
	Longest int   `yaml:"longest" validate:"gte=1,lte=8192"`
	// TestShorter and TestLongest are the same for evaluation and use.
	TestShorter int `yaml:"test_shorter" validate:"gte=1,lte=8192"`
	TestLongest int `yaml:"test_longest" validate:"gte=1,lte=8192"`
	// Divisor of the sides of a batch: images are padded to multiples of it.
	Divisor int `yaml:"divisor" validate:"gte=1,lte=1024"`
	// FlipHorizontal and FlipVertical mirror half of the training images.
	FlipHorizontal bool `yaml:"flip_horizontal"`
	FlipVertical   bool `yaml:"flip_vertical"`
	// Brightness b multiplies training images by a factor from [1-b, 1+b].
	Brightness float64 `yaml:"brightness" validate:"gte=0,lt=1"`
	// SkipEmpty leaves images without boxes out of training instead of taking
	// them as background.
	SkipEmpty bool `yaml:"skip_empty"`
}

// Default is the detector that a practitioner expects today, around ScaleNet-50.
func Default() Config {
	t := train.DefaultConfig()
	t.Schedule.WarmupSteps = 500
	t.Schedule.WarmupFactor = 0.001
	t.Best = "AP"
	n := imaging.ImageNet()
	return Config{
		Backbone:     backbone.Config{Name: "scalenet50"},
		FeatureStage: 3,
		Boxes:        geom.Continuous,
		RPN:          rpn.Default(),
		RoI:          roi.Default(),
		Frozen:       Frozen{Stages: 1, Norms: true},
		Input: Input{
			Mean: n.Mean, Std: n.Std,
			Shorter: []int{600}, Longest: 1000, TestShorter: 600, TestLongest: 1000, Divisor: 32,
			FlipHorizontal: true,
		},
		Batch: 16,
		Train: t,
	}
}

// WithTestSize returns the configuration with another input size for evaluation and use. The sizes of the published [Protocols] come with
// their number of proposals; other sizes keep the configured one.
func (c Config) WithTestSize(shorter, longest int) Config {
	c.Input.TestShorter, c.Input.TestLongest = shorter, longest
	if n, ok := publishedProposals(shorter, longest); ok {
		c.RPN.Proposals.Test.AfterNMS = n
	}
	return c
}

// Paper is the detector that the paper trained, number by number
// (jwyang/faster-rcnn.pytorch with RoIAlign at 14x14).
func Paper() Config {
	c := Default()
	c.Boxes = geom.Inclusive
	c.RPN = rpn.Paper()
	c.RoI = roi.Paper()
	c.Train.Schedule.WarmupSteps = 0
	return c
}

//go:embed presets/*.yaml
var presetFiles embed.FS

// Presets are the configurations that have a name: default, paper, and the embedded files.
func Presets() config.Presets[Config] {
	return config.Presets[Config]{Default: Default, Built: []config.Built[Config]{{Name: "default", Make: Default}, {Name: "paper", Make: Paper}}, Files: presetFiles}
}

// Parse reads a whole configuration as YAML writes it.
func Parse(data []byte, name string) (Config, error) {
	c := Default()
	return c, config.Merge(&c, data, name)
}

// YAML is the configuration as text that Parse reads.
func (c Config) YAML() string { return config.YAML(c) }

// MaxSide is the longest height or width of an image in the network, in pixels: the upper bound in the tags of [Input].
const MaxSide = 1 << 13

// maxAnchors of an image: more than any detector has, and few enough that a wrong number in a file is an error and not an allocation.
const maxAnchors = 1 << 23

// checkAnchors bounds the anchors of the largest image.
func (c Config) checkAnchors(network backbone.Network) error {
	smallest := network.MinSide(c.FeatureStage)
	if smallest > MaxSide {
		return fmt.Errorf("backbone: needs images of at least %d pixels a side: must be at most %d", smallest, MaxSide)
	}
	longest := max(c.Input.Longest, c.Input.TestLongest, smallest)
	shorter := min(longest, max(slices.Max(c.Input.Shorter), c.Input.TestShorter, smallest))
	stride := c.RPN.Anchors.Stride
	if n := (longest/stride + 1) * (shorter/stride + 1) * c.RPN.Anchors.PerCell(); n > maxAnchors {
		return fmt.Errorf("rpn.anchors: %d on each of the cells of %d pixels of an image of %d x %d are %d together: must be at most %d",
			c.RPN.Anchors.PerCell(), stride, longest, shorter, n, maxAnchors)
	}
	return nil
}

// Resolve fills in what names stand for, makes parts agree and checks ranges;
// the error names the key and the value.
func (c Config) Resolve() (Config, error) {
	b, err := c.Backbone.Resolve()
	if err != nil {
		return c, err
	}
	c.Backbone = b
	c.RPN.Convention, c.RoI.Convention = c.Boxes, c.Boxes
	network, err := b.New()
	if err != nil {
		return c, err
	}
	if err := config.Validate(c, ""); err != nil {
		return c, err
	}
	last := network.Stages()
	if c.FeatureStage >= last {
		return c, config.Invalid("feature_stage", c.FeatureStage, fmt.Sprintf("from 1 to %d, so that one stage is left for the box head", last-1))
	}
	if c.Frozen.Stages > last {
		return c, config.Invalid("frozen.stages", c.Frozen.Stages, fmt.Sprintf("from -1 to %d", last))
	}
	if stride := network.Stride(c.FeatureStage); c.RPN.Anchors.Stride != stride {
		return c, fmt.Errorf("rpn.anchors.stride = %d: features of stage %d have stride %d", c.RPN.Anchors.Stride, c.FeatureStage, stride)
	}
	if err := c.Train.Validate(); err != nil {
		return c, err
	}
	return c, c.checkAnchors(network)
}
