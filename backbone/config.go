package backbone

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Config selects the network. The name of a published network is enough; the other fields define a custom network.
type Config struct {
	// Name is a network of the paper (scalenet50, cifar_resnet38, ...; [Names]
	// lists them), or "scalenet" or "resnet" for one that the fields below shape.
	Name string `yaml:"name" json:"name"`
	// Stem of the network; default 64 channels, kernel 7.
	Stem Stem `yaml:"stem,omitempty" json:"stem,omitempty"`
	// Blocks and Planes of each stage.
	Blocks []int `yaml:"blocks,omitempty,flow" json:"blocks,omitempty"`
	Planes []int `yaml:"planes,omitempty,flow" json:"planes,omitempty"`
	// Strides of each stage; default 1, 2, 2, 2.
	Strides []int `yaml:"strides,omitempty,flow" json:"strides,omitempty"`
	// StrideIn1x1 puts a ResNet's strides on the first 1x1 convolution of a block, not on the 3x3: the original ResNet and detectron2's MSRA weights.
	StrideIn1x1 bool `yaml:"stride_in_1x1,omitempty" json:"stride_in_1x1,omitempty"`
	// DilateLast gives the 3x3 convolutions of a ResNet's last stage a dilation of 2 and the stage no stride: detectron2's RES5_DILATION (DC5).
	DilateLast bool `yaml:"dilate_last,omitempty" json:"dilate_last,omitempty"`
	// Scales are the pool sizes of a ScaleNet's branches; default 1, 2, 4, 7.
	Scales []int `yaml:"scales,omitempty,flow" json:"scales,omitempty"`
	// Downsample is how a ScaleNet's branches come to their scale; default max_pool.
	Downsample Downsample `yaml:"downsample,omitempty" json:"downsample,omitempty"`
	// Structure is the allocation of neurons, a row a block.
	Structure Structure `yaml:"structure,omitempty,flow" json:"structure,omitempty"`
	// StructureFile names a JSON file to read Structure from.
	StructureFile string `yaml:"structure_file,omitempty" json:"structure_file,omitempty"`
}

// family holds the fields common to networks that differ only in depth.
type family struct {
	stem   Stem
	planes []int
	scales []int // of a ScaleNet
}

var (
	imageNet = family{Stem{Channels: 64, Kernel: 7}, []int{64, 128, 256, 512}, []int{1, 2, 4, 7}}
	cifar    = family{Stem{Channels: 16, Kernel: 3, Stride: 1}, []int{16, 32, 64}, []int{1, 2, 4}}
)

type depth struct {
	family
	blocks []int
	scale  bool
}

// depths are the networks of the paper. Those for CIFAR have 9n+2 layers, n = 4,
// 6, 10, of which the paper calls the last 101.
var depths = map[string]depth{
	"scalenet50":        {imageNet, []int{3, 4, 6, 3}, true},
	"scalenet50_light":  {imageNet, []int{3, 4, 6, 3}, true},
	"scalenet101":       {imageNet, []int{3, 4, 23, 3}, true},
	"scalenet152":       {imageNet, []int{3, 8, 36, 3}, true},
	"resnet50":          {imageNet, []int{3, 4, 6, 3}, false},
	"resnet101":         {imageNet, []int{3, 4, 23, 3}, false},
	"resnet152":         {imageNet, []int{3, 8, 36, 3}, false},
	"cifar_scalenet38":  {cifar, []int{4, 4, 4}, true},
	"cifar_scalenet56":  {cifar, []int{6, 6, 6}, true},
	"cifar_scalenet101": {cifar, []int{10, 10, 10}, true},
	"cifar_resnet38":    {cifar, []int{4, 4, 4}, false},
	"cifar_resnet56":    {cifar, []int{6, 6, 6}, false},
	"cifar_resnet101":   {cifar, []int{10, 10, 10}, false},
}

// others are the networks of other families, which have no settings.
var others = map[string]Network{
	"seresnet50":  newSEResNet(3, 4, 6, 3),
	"seresnet101": newSEResNet(3, 4, 23, 3),
	"seresnet152": newSEResNet(3, 8, 36, 3),
	"resnext50":   newResNeXt(4, 3, 4, 6, 3),
	"resnext101":  newResNeXt(4, 3, 4, 23, 3),
	"densenet121": newDenseNet(6, 12, 24, 16),
	"densenet169": newDenseNet(6, 12, 32, 32),
	"densenet201": newDenseNet(6, 12, 48, 32),
	"xception":    Xception{},

	"resnext101_32x8d":   newResNeXt(8, 3, 4, 23, 3),
	"mobilenet_v3_large": MobileNetV3{},
}

// Names returns the names of the published networks.
func Names() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(depths)), maps.Keys(others))
	slices.Sort(names)
	return names
}

// Custom reports whether the network is described by its blocks and planes, not by a published name.
func (c Config) Custom() bool { return c.Name == "scalenet" || c.Name == "resnet" }

// Resolve returns the configuration with the values of the named network and of the structure file filled in, so that the result is self-contained.
func (c Config) Resolve() (Config, error) {
	if others[c.Name] != nil {
		if !reflect.DeepEqual(c, Config{Name: c.Name}) {
			return c, fmt.Errorf("backbone.name %q: its shape is fixed; stem, blocks and all else are for the names scalenet and resnet", c.Name)
		}
		return c, nil
	}
	d, ok := depths[c.Name]
	if c.Stem == (Stem{}) {
		c.Stem = imageNet.stem
		if ok {
			c.Stem = d.stem
		}
	}
	if c.StructureFile != "" {
		s, err := ReadStructure(c.StructureFile)
		if err != nil {
			return c, err
		}
		c.Structure, c.StructureFile = s, ""
	}
	if !ok {
		if !c.Custom() {
			return c, fmt.Errorf("backbone.name %q: want scalenet, resnet or one of %s", c.Name, strings.Join(Names(), ", "))
		}
		return c, nil
	}
	if c.Blocks != nil && !slices.Equal(c.Blocks, d.blocks) {
		return c, fmt.Errorf("backbone.blocks %v: %s has %v; use the name scalenet or resnet to shape your own", c.Blocks, c.Name, d.blocks)
	}
	c.Blocks = d.blocks
	if c.Planes == nil {
		c.Planes = d.planes
	}
	if !d.scale {
		return c, nil
	}
	if c.Scales == nil {
		c.Scales = d.scales
	}
	if c.Structure == nil {
		s, err := PublishedStructure(c.Name)
		if err != nil {
			return c, err
		}
		c.Structure = s
	}
	return c, nil
}

// New returns the configured network.
func (c Config) New() (Network, error) {
	file := c.StructureFile
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	if n := others[c.Name]; n != nil {
		return n, nil
	}
	if strings.Contains(c.Name, "scalenet") {
		if c.StrideIn1x1 || c.DilateLast || c.Stem.CeilPool {
			return nil, fmt.Errorf("backbone.name %q: stride_in_1x1, dilate_last and stem.ceil_pool are a resnet's", c.Name)
		}
		n, err := NewScaleNet(c)
		if err != nil && file != "" {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if err != nil {
			return nil, err
		}
		return n, nil
	}
	if c.Strides != nil || c.Scales != nil || c.Structure != nil || c.Downsample != "" {
		return nil, fmt.Errorf("backbone.name %q: strides, scales, downsample and structure are a scalenet's", c.Name)
	}
	n, err := NewResNet(c.Stem, c.Blocks, c.Planes)
	if err != nil {
		return nil, err
	}
	n.block.strideFirst = c.StrideIn1x1
	if n.dilateLast = c.DilateLast; n.dilateLast {
		n.strides[len(n.strides)-1] = 1
	}
	return n, nil
}
