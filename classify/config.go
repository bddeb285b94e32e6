package classify

import (
	"embed"
	"fmt"

	"scalenet/backbone"
	"scalenet/imaging"
	"scalenet/internal/config"
	"scalenet/train"
)

// Config is everything about a classifier and its training but the data.
type Config struct {
	Backbone backbone.Config `yaml:"backbone"`
	Input    Input           `yaml:"input"`
	Augment  Augment         `yaml:"augment"`
	// LabelSmoothing is the share of a label that is spread over all classes.
	LabelSmoothing float64 `yaml:"label_smoothing" validate:"gte=0,lt=1"`
	// Batch is the number of images of a training step.
	Batch int          `yaml:"batch" validate:"gte=1,lte=65536"`
	Train train.Config `yaml:"train"`
}

// Input says how an image becomes the network's input.
type Input struct {
	// Size is the side of the square input.
	Size int `yaml:"size" validate:"gte=1,lte=8192"`
	// TestResize is what an image's shorter side is resized to before the
	// centre is cut out in tests and use.
	TestResize int `yaml:"test_resize" validate:"gte=1,lte=8192"`
	// Mean and Std normalise red, green and blue of [0, 1].
	Mean [3]float32 `yaml:"mean,flow" validate:"dive,finite"`
	Std  [3]float32 `yaml:"std,flow" validate:"dive,gt=0,finite"`
}

// The ways to cut a training input out of an image.
const (
	// CropResized cuts out a part of 8 to 100 % of the area and of an aspect
	// between 3/4 and 4/3 and resizes it.
	CropResized = "resized"
	// CropPad pads with zeros on all sides and cuts out the size.
	CropPad = "pad"
	// CropCentre is what tests do.
	CropCentre = "centre"
)

// Augment is what training does to an image, at random.
type Augment struct {
	// Crop is CropResized, CropPad or CropCentre.
	Crop string `yaml:"crop" validate:"oneof=resized pad centre"`
	// Pad is the width of the border of CropPad in pixels.
	Pad int `yaml:"pad" validate:"gte=0"`
	// Flip mirrors half of the images.
	Flip bool `yaml:"flip"`
	// Brightness, Contrast and Saturation change these by a factor from
	// [1-x, 1+x], in an order drawn anew for each image.
	Brightness float64 `yaml:"brightness" validate:"gte=0,lt=1"`
	Contrast   float64 `yaml:"contrast" validate:"gte=0,lt=1"`
	Saturation float64 `yaml:"saturation" validate:"gte=0,lt=1"`
	// Lighting is the deviation of the shares of ImageNet's principal colour
	// components that are added (AlexNet's 0.1).
	Lighting float64 `yaml:"lighting" validate:"gte=0,lt=1"`
}

// Default is the paper's recipe for ImageNet: random crops of 224, flips,
// photometric distortion, SGD in batches of 256, 100 epochs, a tenth of the rate
// every 30.
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

// Presets are the configurations that have a name: imagenet, and the embedded files.
func Presets() config.Presets[Config] {
	return config.Presets[Config]{Default: Default, Built: []config.Built[Config]{{Name: "imagenet", Make: Default}}, Files: presetFiles}
}

// Parse reads a whole configuration as YAML writes it.
func Parse(data []byte, name string) (Config, error) {
	c := Default()
	return c, config.Merge(&c, data, name)
}

// YAML is the configuration as text that Parse reads.
func (c Config) YAML() string { return config.YAML(c) }

// Resolve fills in what names stand for and checks ranges; the error names the
// key and the value.
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
