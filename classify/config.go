package classify

import (
	"embed"
	"fmt"

	"scalenet/backbone"
	"scalenet/imaging"
	"scalenet/internal/config"
	"scalenet/train"
)

// Config configures a classifier and its training, apart from the data.
type Config struct {
	Backbone backbone.Config `yaml:"backbone"`
	Input    Input           `yaml:"input"`
	Augment  Augment         `yaml:"augment"`
	// LabelSmoothing is the fraction of the label's probability that is spread over all
	// classes, as in PyTorch's CrossEntropyLoss; 0 turns it off.
	LabelSmoothing float64 `yaml:"label_smoothing" validate:"gte=0,lt=1"`
	// Batch is the number of images per training batch.
	Batch int `yaml:"batch" validate:"gte=1,lte=65536"`
	// Train is checked by its own Validate.
	Train train.Config `yaml:"train" validate:"-"`
}

// Input configures the conversion of an image to the model input.
type Input struct {
	// Size is the height and width of the input in pixels.
	Size int `yaml:"size" validate:"gte=1,lte=8192"`
	// TestResize is the length in pixels to which the shorter side of an image is
	// resized before the centre crop, in evaluation and prediction.
	TestResize int `yaml:"test_resize" validate:"gte=1,lte=8192"`
	// Mean and Std normalise RGB values in [0, 1].
	Mean [3]float32 `yaml:"mean,flow" validate:"dive,finite"`
	Std  [3]float32 `yaml:"std,flow" validate:"dive,gt=0,finite"`
}

// The crops of training images, see Augment.Crop.
const (
	// CropResized takes a random crop of 8 to 100 % of the area, with an aspect ratio
	// between 3/4 and 4/3, and resizes it.
	CropResized = "resized"
	// CropPad pads with black on all sides, and takes a random crop of the input size.
	CropPad = "pad"
	// CropCentre is the resize and centre crop of evaluation.
	CropCentre = "centre"
)

// Augment configures the random augmentation of training images.
type Augment struct {
	// Crop is CropResized, CropPad or CropCentre.
	Crop string `yaml:"crop" validate:"oneof=resized pad centre"`
	// Pad is the width of the border of CropPad in pixels.
	Pad int `yaml:"pad" validate:"gte=0"`
	// Flip mirrors each image horizontally with probability 0.5.
	Flip bool `yaml:"flip"`
	// Brightness, Contrast and Saturation multiply these by a random factor in
	// [1-x, 1+x], in random order, as torchvision's ColorJitter; 0 turns each off.
	Brightness float64 `yaml:"brightness" validate:"gte=0,lt=1"`
	Contrast   float64 `yaml:"contrast" validate:"gte=0,lt=1"`
	Saturation float64 `yaml:"saturation" validate:"gte=0,lt=1"`
	// Lighting is the standard deviation of AlexNet's PCA colour augmentation, which
	// used 0.1; 0 turns it off.
	Lighting float64 `yaml:"lighting" validate:"gte=0,lt=1"`
}

// Default returns the paper's settings for ImageNet: random crops of 224, flips,
// photometric distortion, SGD with batches of 256, and 100 epochs. The learning rate is
// divided by 10 after epochs 30, 60 and 90.
func Default() Config {
	n := imaging.ImageNet()
	t := train.DefaultConfig()
	t.Epochs, t.LR, t.Groups, t.Best, t.LogSteps = 100, 0.1, []train.Group{}, Top1, 50
	t.Schedule.Milestones = []int{30, 60, 90}
	return Config{
		Backbone: backbone.Config{Name: "scalenet50"},
		Input:    Input{Size: 224, TestResize: 256, Mean: n.Mean, Std: n.Std},
		// The distortion of the public training code that the authors started from.
		Augment: Augment{Crop: CropResized, Flip: true, Brightness: 0.4, Contrast: 0.4, Saturation: 0.4, Lighting: 0.1},
		Batch:   256,
		Train:   t,
	}
}

//go:embed presets/*.yaml
var presetFiles embed.FS

// Presets returns the named configurations: imagenet, and the embedded files.
func Presets() config.Presets[Config] {
	return config.Presets[Config]{Default: Default, Built: []config.Built[Config]{{Name: "imagenet", Make: Default}}, Files: presetFiles}
}

// Parse parses a complete configuration in YAML. name is used in errors.
func Parse(data []byte, name string) (Config, error) {
	c := Default()
	return c, config.Merge(&c, data, name)
}

// YAML returns the configuration as text that Parse reads.
func (c Config) YAML() string { return config.YAML(c) }

// Resolve returns the configuration with the name of the backbone replaced by its values.
// It checks all ranges; the error names the key and the value.
func (c Config) Resolve() (Config, error) {
	b, err := c.Backbone.Resolve()
	if err != nil {
		return c, err
	}
	c.Backbone = b
	network, err := b.New()
	if err != nil {
		return c, err
	}
	if err := config.Validate(c, ""); err != nil {
		return c, err
	}
	in := c.Input
	if smallest := network.MinSide(network.Stages()); in.Size < smallest {
		return c, config.Invalid("input.size", in.Size, fmt.Sprintf("at least %d for this network", smallest))
	}
	if in.TestResize < in.Size {
		return c, config.Invalid("input.test_resize", in.TestResize, "from input.size to 8192")
	}
	if c.Augment.Pad > in.Size {
		return c, config.Invalid("augment.pad", c.Augment.Pad, "from 0 to input.size")
	}
	return c, c.Train.Validate()
}
