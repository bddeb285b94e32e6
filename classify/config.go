package classify

import (
	"embed"
	"fmt"
	"path"
	"strings"

	"scalenet/backbone"
	"scalenet/imaging"
	"scalenet/internal/brief"
	"scalenet/train"
)

// Config is everything about a classifier and its training but the data.
type Config struct {
	Backbone backbone.Config `yaml:"backbone"`
	Input    Input           `yaml:"input"`
	Augment  Augment         `yaml:"augment"`
	// LabelSmoothing is the share of a label that is spread over all classes.
	LabelSmoothing float64 `yaml:"label_smoothing"`
	// Batch is the number of pictures of a training step.
	Batch int          `yaml:"batch"`
	Train train.Config `yaml:"train"`
}

// Input says how a picture becomes the network's input.
type Input struct {
	// Size is the side of the square input.
	Size int `yaml:"size"`
	// TestResize is what a picture's shorter side is resized to before the
	// centre is cut out in tests and use.
	TestResize int `yaml:"test_resize"`
	// Mean and Std normalise red, green and blue of [0, 1].
	Mean [3]float32 `yaml:"mean,flow"`
	Std  [3]float32 `yaml:"std,flow"`
}

// The ways to cut a training input out of a picture.
const (
	// CropResized cuts out a part of 8 to 100 % of the area and of an aspect
	// between 3/4 and 4/3 and resizes it.
	CropResized = "resized"
	// CropPad pads with zeros on all sides and cuts out the size.
	CropPad = "pad"
	// CropCentre is what tests do.
	CropCentre = "centre"
)

// Augment is what training does to a picture, at random.
type Augment struct {
	// Crop is CropResized, CropPad or CropCentre.
	Crop string `yaml:"crop"`
	// Pad is the width of the border of CropPad in pixels.
	Pad int `yaml:"pad"`
	// Flip mirrors half of the pictures.
	Flip bool `yaml:"flip"`
	// Brightness, Contrast and Saturation change these by a factor from
	// [1-x, 1+x], in an order drawn anew for each picture.
	Brightness float64 `yaml:"brightness"`
	Contrast   float64 `yaml:"contrast"`
	Saturation float64 `yaml:"saturation"`
	// Lighting is the deviation of the shares of ImageNet's principal colour
	// components that are added (AlexNet's 0.1).
	Lighting float64 `yaml:"lighting"`
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
var presets embed.FS

// Presets lists the names that Preset knows.
func Presets() []string {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		panic(err) // embedded: cannot fail
	}
	names := []string{"imagenet"}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Preset is a named configuration: imagenet, or one of the embedded files.
func Preset(name string) (Config, error) {
	c := Default()
	if name == "imagenet" {
		return c, nil
	}
	data, err := presets.ReadFile(path.Join("presets", name+".yaml"))
	if err != nil {
		return c, fmt.Errorf("preset %q: want one of %s", name, strings.Join(Presets(), ", "))
	}
	return c, train.Merge(&c, data, "preset "+name)
}

// Parse reads a whole configuration as YAML writes it.
func Parse(data []byte, name string) (Config, error) {
	c := Default()
	return c, train.Merge(&c, data, name)
}

// YAML is the configuration as text that Parse reads.
func (c Config) YAML() string { return train.YAML(c) }

func finite(v [3]float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}

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
	in, a := c.Input, c.Augment
	share := func(v float64) bool { return v >= 0 && v < 1 }
	for _, k := range []struct {
		key   string
		value any
		valid bool
		need  string
	}{
		{"input.size", in.Size, in.Size > 0 && in.Size <= 1<<13, "from 1 to 8192"},
		{"input.size", in.Size, in.Size >= network.MinSide(network.Stages()), fmt.Sprintf("at least %d for this network", network.MinSide(network.Stages()))},
		{"input.test_resize", in.TestResize, in.TestResize >= in.Size && in.TestResize <= 1<<13, "from input.size to 8192"},
		{"input.mean", in.Mean, finite(in.Mean), "finite numbers"},
		{"input.std", in.Std, finite(in.Std) && min(in.Std[0], in.Std[1], in.Std[2]) > 0, "above 0"},
		{"augment.crop", a.Crop, a.Crop == CropResized || a.Crop == CropPad || a.Crop == CropCentre, "resized, pad or centre"},
		{"augment.pad", a.Pad, a.Pad >= 0 && a.Pad <= in.Size, "from 0 to input.size"},
		{"augment.brightness", a.Brightness, share(a.Brightness), "in [0, 1)"},
		{"augment.contrast", a.Contrast, share(a.Contrast), "in [0, 1)"},
		{"augment.saturation", a.Saturation, share(a.Saturation), "in [0, 1)"},
		{"augment.lighting", a.Lighting, share(a.Lighting), "in [0, 1)"},
		{"label_smoothing", c.LabelSmoothing, share(c.LabelSmoothing), "in [0, 1)"},
		{"batch", c.Batch, c.Batch > 0 && c.Batch <= 1<<16, "from 1 to 65536"},
	} {
		if !k.valid {
			return c, fmt.Errorf("%s = %s: must be %s", k.key, brief.Value(k.value), k.need)
		}
	}
	if err := c.Train.Validate(); err != nil {
		return c, fmt.Errorf("train.%w", err)
	}
	return c, nil
}
