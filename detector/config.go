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

// Config configures a detector and its training.
type Config struct {
	Backbone backbone.Config `yaml:"backbone"`
	// FeatureStage is the backbone stage whose output the RPN and RoIAlign use if there is no neck. The next stage is part of the box head. 3, the
	// default, is Faster R-CNN's C4.
	FeatureStage int `yaml:"feature_stage,omitempty" validate:"gte=0"`
	// Neck is a feature pyramid between the backbone and the RPN. It needs roi.box_head.
	Neck *backbone.FPN `yaml:"neck,omitempty"`
	// Boxes is the convention of all boxes: continuous (default), or inclusive as in the paper's detector.
	Boxes  geom.Convention `yaml:"boxes"`
	RPN    rpn.Config      `yaml:"rpn"`
	RoI    roi.Config      `yaml:"roi"`
	Frozen Frozen          `yaml:"frozen"`
	Input  Input           `yaml:"input"`
	// Batch is the number of images per batch; default 16.
	Batch int          `yaml:"batch" validate:"gte=1,lte=65536"`
	Train train.Config `yaml:"train" validate:"-"` // checked by its own Validate
}

// Frozen selects the parameters that are not trained.
type Frozen struct {
	// Stages freezes the stem and this many stages; default 1. 0 freezes the stem only, -1 nothing.
	Stages int `yaml:"stages" validate:"gte=-1"`
	// Norms freezes the statistics, weight and bias of every BatchNorm (FrozenBatchNorm); default true.
	Norms bool `yaml:"norms"`
}

// Input configures preprocessing and augmentation: decoded image -> model input.
type Input struct {
	// Mean and Std normalise the RGB channels, which are in [0, 1]; default ImageNet's.
	Mean [3]float32 `yaml:"mean,flow" validate:"dive,finite"`
	Std  [3]float32 `yaml:"std,flow" validate:"dive,gt=0,finite"`
	// Shorter is the length in pixels that the shorter side of training images is resized to (torchvision's min_size). If there are several
	// values, each batch uses one of them, chosen at random.
	// Longest is the maximum length of the longer side (max_size). Default 600 and 1000.
	Shorter []int `yaml:"shorter,flow" validate:"min=1,max=64,dive,gte=1,lte=8192"`
	Longest int   `yaml:"longest" validate:"gte=1,lte=8192"`
	// TestShorter and TestLongest are the same for evaluation and inference.
	TestShorter int `yaml:"test_shorter" validate:"gte=1,lte=8192"`
	TestLongest int `yaml:"test_longest" validate:"gte=1,lte=8192"`
	// Resize is the interpolation, and Rounding the rule for the resized sides. The defaults, bilinear and floor, are torchvision's.
	Resize   imaging.ResizeKind `yaml:"resize,omitempty" validate:"omitempty,oneof=bilinear pillow opencv opencv-factor"`
	Rounding imaging.Fitting    `yaml:"rounding,omitempty" validate:"omitempty,oneof=floor round round-once round-even"`
	// Divisor: height and width of a batch are padded to multiples of it; default 32. 1 pads only to the largest image of the batch.
	Divisor int `yaml:"divisor" validate:"gte=1,lte=1024"`
	// FlipHorizontal (default true) and FlipVertical (default false) mirror each training image with probability 0.5.
	FlipHorizontal bool `yaml:"flip_horizontal"`
	FlipVertical   bool `yaml:"flip_vertical"`
	// Brightness b multiplies each training image by a random factor from [1-b, 1+b]; default 0, which is off.
	Brightness float64 `yaml:"brightness" validate:"gte=0,lt=1"`
	// Contrast and Saturation multiply them by a random factor in the same way; default 0, which is off. Hue h rotates the hue by a random angle from
	// [-h, h], where 1 is the full circle. All are torchvision's ColorJitter, in the order brightness, contrast, saturation, hue.
	Contrast   float64 `yaml:"contrast,omitempty" validate:"gte=0,lt=1"`
	Saturation float64 `yaml:"saturation,omitempty" validate:"gte=0,lt=1"`
	Hue        float64 `yaml:"hue,omitempty" validate:"gte=0,lte=0.5"`
	// ScaleJitter is the lowest and the highest of the random factors by which the resized sides of each training image are multiplied. The image is
	// then cut at random, or padded, to the size of its batch: torchvision's ScaleJitter, detectron2's ResizeScale with FixedSizeCrop. Empty is off.
	ScaleJitter []float64 `yaml:"scale_jitter,flow,omitempty" validate:"omitempty,len=2,dive,gt=0,lte=16"`
	// Rotation r rotates each training image by a random angle from [-r, r] in degrees; default 0. A box becomes the upright box around its corners.
	Rotation float64 `yaml:"rotation,omitempty" validate:"gte=0,lte=180"`
	// Mosaic is the probability that a training image is made of four pictures, as in YOLO; default 0. Only the first MosaicEpochs epochs have
	// mosaics; 0 means all.
	Mosaic       float64 `yaml:"mosaic,omitempty" validate:"gte=0,lte=1"`
	MosaicEpochs int     `yaml:"mosaic_epochs,omitempty" validate:"gte=0"`
	// RepeatThreshold t repeats the images of rare classes: those with a class that is in the fraction f < t of the images are used sqrt(t/f) times in
	// an epoch, on average (LVIS; detectron2's RepeatFactorTrainingSampler). Default 0, which is off.
	RepeatThreshold float64 `yaml:"repeat_threshold,omitempty" validate:"gte=0,lte=1"`
	// SkipEmpty excludes images without boxes from training; default false, which trains on them as background.
	SkipEmpty bool `yaml:"skip_empty"`
}

// Default returns torchvision's Faster R-CNN settings on a single C4 feature map (no FPN) of ScaleNet-50, for images of 600/1000 pixels.
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

// WithTestSize returns the configuration with another input size for evaluation and inference: the lengths in pixels of the shorter side and,
// at most, of the longer side. The sizes of the published [Protocols] also set the number of proposals after NMS.
func (c Config) WithTestSize(shorter, longest int) Config {
	c.Input.TestShorter, c.Input.TestLongest = shorter, longest
	if n, ok := publishedProposals(shorter, longest); ok {
		c.RPN.Proposals.Test.AfterNMS = n
	}
	return c
}

// Paper returns the settings of the paper's detector: jwyang/faster-rcnn.pytorch with RoIAlign at 14x14.
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

// Presets returns the named configurations: default, paper, and the embedded files.
func Presets() config.Presets[Config] {
	return config.Presets[Config]{Default: Default, Built: []config.Built[Config]{{Name: "default", Make: Default}, {Name: "paper", Make: Paper}}, Files: presetFiles}
}

// Parse reads a configuration in the format of Config.YAML. Missing keys keep their value in Default; unknown keys are an error. name is the
// origin of data in error messages.
func Parse(data []byte, name string) (Config, error) {
	c := Default()
	return c, config.Merge(&c, data, name)
}

// YAML returns the configuration in the format that Parse reads.
func (c Config) YAML() string { return config.YAML(c) }

// MaxSide is the maximum height and width of a model input in pixels: the upper bound in the tags of [Input].
const MaxSide = 1 << 13

// maxAnchors per image is more than any detector needs. A mistyped number in a file gives an error instead of a huge allocation.
const maxAnchors = 1 << 23

// checkAnchors returns an error if the largest image has more than maxAnchors anchors.
func (c Config) checkAnchors(network backbone.Network) error {
	smallest := network.MinSide(c.lastStage())
	if smallest > MaxSide {
		return fmt.Errorf("backbone: needs images of at least %d pixels a side: must be at most %d", smallest, MaxSide)
	}
	longest := max(c.Input.Longest, c.Input.TestLongest, smallest)
	shorter := min(longest, max(slices.Max(c.Input.Shorter), c.Input.TestShorter, smallest))
	stride, n := c.RPN.Anchors.Stride, 0
	for _, s := range c.strides(network) {
		n += (longest/s + 1) * (shorter/s + 1) * c.RPN.Anchors.PerCell()
	}
	if n > maxAnchors {
		return fmt.Errorf("rpn.anchors: %d anchors per cell at stride %d are %d anchors for an image of %d x %d: must be at most %d",
			c.RPN.Anchors.PerCell(), stride, n, longest, shorter, maxAnchors)
	}
	return nil
}

// Resolve returns the configuration with names (backbone, structure) replaced by their values and the box convention set in all parts. It checks
// all ranges; the error names the key and the value.
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
	if len(c.Input.ScaleJitter) == 0 {
		c.Input.ScaleJitter = nil // off; an empty list is not the same to Validate
	}
	if err := config.Validate(c, ""); err != nil {
		return c, err
	}
	if j := c.Input.ScaleJitter; len(j) == 2 && j[0] > j[1] {
		return c, config.Invalid("input.scale_jitter", j, "the lowest factor and then the highest")
	}
	if last := network.Stages(); c.Frozen.Stages > last {
		return c, config.Invalid("frozen.stages", c.Frozen.Stages, fmt.Sprintf("from -1 to %d", last))
	}
	if c.Neck != nil {
		c.FeatureStage = 0
	}
	if err := c.checkLevels(network); err != nil {
		return c, err
	}
	if err := c.Train.Validate(); err != nil {
		return c, err
	}
	return c, c.checkAnchors(network)
}
