package backbone

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Config says which network to build. A published name is enough; the other
// fields shape a network of one's own.
type Config struct {
	// Name is a published network (scalenet50, scalenet50_light, scalenet101,
	// scalenet152, resnet50, resnet101, resnet152), or "scalenet" or "resnet"
	// for one that the fields below shape.
	Name string `yaml:"name" json:"name"`
	// Stem of the network; default 64 channels, kernel 7.
	Stem Stem `yaml:"stem,omitempty" json:"stem,omitempty"`
	// Blocks and Planes of each stage.
	Blocks []int `yaml:"blocks,omitempty,flow" json:"blocks,omitempty"`
	Planes []int `yaml:"planes,omitempty,flow" json:"planes,omitempty"`
	// Strides of each stage; default 1, 2, 2, 2.
	Strides []int `yaml:"strides,omitempty,flow" json:"strides,omitempty"`
	// Scales are the pool sizes of a ScaleNet's branches; default 1, 2, 4, 7.
	Scales []int `yaml:"scales,omitempty,flow" json:"scales,omitempty"`
	// Structure is the allocation of neurons, a row a block.
	Structure Structure `yaml:"structure,omitempty,flow" json:"structure,omitempty"`
	// StructureFile names a JSON file to read Structure from.
	StructureFile string `yaml:"structure_file,omitempty" json:"structure_file,omitempty"`
}

type depth struct {
	blocks []int
	scale  bool
}

var depths = map[string]depth{
	"scalenet50":       {[]int{3, 4, 6, 3}, true},
	"scalenet50_light": {[]int{3, 4, 6, 3}, true},
	"scalenet101":      {[]int{3, 4, 23, 3}, true},
	"scalenet152":      {[]int{3, 8, 36, 3}, true},
	"resnet50":         {[]int{3, 4, 6, 3}, false},
	"resnet101":        {[]int{3, 4, 23, 3}, false},
	"resnet152":        {[]int{3, 8, 36, 3}, false},
}

var imageNetPlanes = []int{64, 128, 256, 512}

// Names lists the published networks.
func Names() []string {
	names := make([]string, 0, len(depths))
	for n := range depths {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Resolve fills in what the name and the structure file stand for, so that the
// result describes the network by itself.
func (c Config) Resolve() (Config, error) {
	if c.Stem == (Stem{}) {
		c.Stem = imageNetStem
	}
	if c.StructureFile != "" {
		s, err := ReadStructure(c.StructureFile)
		if err != nil {
			return c, err
		}
		c.Structure, c.StructureFile = s, ""
	}
	d, ok := depths[c.Name]
	if !ok {
		if c.Name != "scalenet" && c.Name != "resnet" {
			return c, fmt.Errorf("backbone.name %q: want scalenet, resnet or one of %s", c.Name, strings.Join(Names(), ", "))
		}
		return c, nil
	}
	if c.Blocks != nil && !slices.Equal(c.Blocks, d.blocks) {
		return c, fmt.Errorf("backbone.blocks %v: %s has %v; use the name scalenet or resnet to shape your own", c.Blocks, c.Name, d.blocks)
	}
	c.Blocks = d.blocks
	if c.Planes == nil {
		c.Planes = imageNetPlanes
	}
	if d.scale && c.Structure == nil {
		s, err := PublishedStructure(c.Name)
		if err != nil {
			return c, err
		}
		c.Structure = s
	}
	return c, nil
}

// New makes the network.
func (c Config) New() (Network, error) {
	file := c.StructureFile
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(c.Name, "scalenet") {
		n, err := NewScaleNet(c.Stem, c.Blocks, c.Planes, c.Strides, c.Scales, c.Structure)
		if err != nil && file != "" {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if err != nil {
			return nil, err
		}
		return n, nil
	}
	if c.Strides != nil || c.Scales != nil || c.Structure != nil {
		return nil, fmt.Errorf("backbone.name %q: strides, scales and structure are a scalenet's", c.Name)
	}
	n, err := NewResNet(c.Stem, c.Blocks, c.Planes)
	if err != nil {
		return nil, err
	}
	return n, nil
}
