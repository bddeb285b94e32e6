package detector

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"scalenet/backbone"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/brief"
	"scalenet/roi"
	"scalenet/rpn"
	"scalenet/train"
)

// Config is everything about a detector and its training but the data.
type Config struct {
	Backbone backbone.Config `yaml:"backbone"`
	// FeatureStage is the stage whose output the RPN and RoIAlign see; the next
	// one judges regions. 3 is Faster R-CNN's C4.
	FeatureStage int `yaml:"feature_stage"`
	// Boxes is the convention of all boxes: continuous, or inclusive as in the
	// detector that the paper trained.
	Boxes  geom.Convention `yaml:"boxes"`
	RPN    rpn.Config      `yaml:"rpn"`
	RoI    roi.Config      `yaml:"roi"`
	Frozen Frozen          `yaml:"frozen"`
	Input  Input           `yaml:"input"`
	// Batch is the number of images of a training step.
	Batch int          `yaml:"batch"`
	Train train.Config `yaml:"train"`
}

// Frozen says what is not trained.
type Frozen struct {
	// Stages freezes the stem and this many stages; -1 freezes nothing.
	Stages int `yaml:"stages"`
	// Norms freezes every BatchNorm, its statistics and its affine part.
	Norms bool `yaml:"norms"`
}

// Input says how a picture becomes the network's input.
type Input struct {
	// Mean and Std normalise red, green and blue of [0, 1].
	Mean [3]float32 `yaml:"mean,flow"`
	Std  [3]float32 `yaml:"std,flow"`
	// Shorter is what the shorter side is resized to, in pixels, one drawn for
	// each training image; Longest is what the longer side has at most.
	Shorter []int `yaml:"shorter,flow"`
	Longest int   `yaml:"longest"`
	// TestShorter and TestLongest are the same for evaluation and use.
	TestShorter int `yaml:"test_shorter"`
	TestLongest int `yaml:"test_longest"`
	// Divisor of the sides of a batch: pictures are padded to multiples of it.
	Divisor int `yaml:"divisor"`
	// FlipHorizontal and FlipVertical mirror half of the training images.
	FlipHorizontal bool `yaml:"flip_horizontal"`
	FlipVertical   bool `yaml:"flip_vertical"`
	// Brightness b multiplies training images by a factor from [1-b, 1+b].
	Brightness float64 `yaml:"brightness"`
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

// SetTestSize sets the size of pictures in evaluation and use. The sizes of the
// published protocols come with their number of proposals, 300 at 600/1000 and
// 1,000 at 800/1200; other sizes leave it as it is.
func (c *Config) SetTestSize(shorter, longest int) {
	c.Input.TestShorter, c.Input.TestLongest = shorter, longest
	if n, ok := publishedProposals(shorter, longest); ok {
		c.RPN.Proposals.Test.AfterNMS = n
	}
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
var presets embed.FS

// Presets lists the names that Preset knows.
func Presets() []string {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		panic(err) // embedded: cannot fail
	}
	names := []string{"default", "paper"}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Preset is a named configuration: default, paper, or one of the embedded files.
func Preset(name string) (Config, error) {
	switch name {
	case "default":
		return Default(), nil
	case "paper":
		return Paper(), nil
	}
	data, err := presets.ReadFile(path.Join("presets", name+".yaml"))
	if err != nil {
		return Config{}, fmt.Errorf("preset %q: want one of %s", name, strings.Join(Presets(), ", "))
	}
	c := Default()
	return c, train.Merge(&c, data, "preset "+name)
}

// Parse reads a whole configuration as YAML writes it.
func Parse(data []byte, name string) (Config, error) {
	c := Default()
	return c, train.Merge(&c, data, name)
}

// YAML is the configuration as text that Parse reads.
func (c Config) YAML() string { return train.YAML(c) }

// What a configuration may ask for: more than any detector has, and little enough
// that a wrong number in a file is an error and not an allocation.
const (
	// MostSide is the longest side of an image in the network, in pixels.
	MostSide    = 1 << 13
	mostSides   = 64 // to draw one from
	mostDivisor = 1 << 10
	mostAnchors = 1 << 23 // of an image
)

func side(v int) bool { return v >= 1 && v <= MostSide }

func finite(v [3]float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}

// checkAnchors bounds the anchors of the largest image.
func (c Config) checkAnchors(network backbone.Network) error {
	least := network.MinSide(c.FeatureStage)
	if least > MostSide {
		return fmt.Errorf("backbone: needs images of at least %d pixels a side: must be at most %d", least, MostSide)
	}
	longest := max(c.Input.Longest, c.Input.TestLongest, least)
	shorter := min(longest, max(slices.Max(c.Input.Shorter), c.Input.TestShorter, least))
	stride := c.RPN.Anchors.Stride
	if n := (longest/stride + 1) * (shorter/stride + 1) * c.RPN.Anchors.PerCell(); n > mostAnchors {
		return fmt.Errorf("rpn.anchors: %d on each of the cells of %d pixels of an image of %d x %d are %d together: must be at most %d",
			c.RPN.Anchors.PerCell(), stride, longest, shorter, n, mostAnchors)
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
	in := c.Input
	sides := fmt.Sprintf("from 1 to %d", MostSide)
	for _, k := range []struct {
		key   string
		value any
		valid bool
		need  string
	}{
		{"feature_stage", c.FeatureStage, c.FeatureStage >= 1 && c.FeatureStage < network.Stages(), fmt.Sprintf("from 1 to %d, so that one stage is left for regions", network.Stages()-1)},
		{"frozen.stages", c.Frozen.Stages, c.Frozen.Stages >= -1 && c.Frozen.Stages <= network.Stages(), fmt.Sprintf("from -1 to %d", network.Stages())},
		{"input.mean", in.Mean, finite(in.Mean), "finite numbers"},
		{"input.std", in.Std, finite(in.Std) && min(in.Std[0], in.Std[1], in.Std[2]) > 0, "above 0"},
		{"input.shorter", in.Shorter, len(in.Shorter) > 0 && len(in.Shorter) <= mostSides && side(slices.Min(in.Shorter)) && side(slices.Max(in.Shorter)),
			fmt.Sprintf("a list of 1 to %d sides from 1 to %d", mostSides, MostSide)},
		{"input.longest", in.Longest, side(in.Longest), sides},
		{"input.test_shorter", in.TestShorter, side(in.TestShorter), sides},
		{"input.test_longest", in.TestLongest, side(in.TestLongest), sides},
		{"input.divisor", in.Divisor, in.Divisor > 0 && in.Divisor <= mostDivisor, fmt.Sprintf("from 1 to %d", mostDivisor)},
		{"input.brightness", in.Brightness, in.Brightness >= 0 && in.Brightness < 1, "in [0, 1)"},
		{"batch", c.Batch, c.Batch > 0 && c.Batch <= 1<<16, "from 1 to 65536"},
	} {
		if !k.valid {
			return c, fmt.Errorf("%s = %s: must be %s", k.key, brief.Value(k.value), k.need)
		}
	}
	if stride := network.Stride(c.FeatureStage); c.RPN.Anchors.Stride != stride {
		return c, fmt.Errorf("rpn.anchors.stride = %d: features of stage %d have stride %d", c.RPN.Anchors.Stride, c.FeatureStage, stride)
	}
	if err := c.RPN.Validate(); err != nil {
		return c, err
	}
	if err := c.checkAnchors(network); err != nil {
		return c, err
	}
	if err := c.RoI.Validate(); err != nil {
		return c, err
	}
	if err := c.Train.Validate(); err != nil {
		return c, fmt.Errorf("train.%w", err)
	}
	return c, nil
}
