package detector

import (
	"errors"
	"fmt"

	"scalenet/backbone"
	"scalenet/geom"
	"scalenet/internal/config"
	"scalenet/nn"
)

// levels adds images (N, H, W, 3) -> the feature maps that the RPN uses, from fine to coarse.
func (m *Model) levels(g *nn.Graph, images *nn.Node) []backbone.Level {
	c := m.Config
	stages := backbone.Levels(g, m.network, images, c.stages())
	if c.Neck == nil {
		return stages
	}
	return c.Neck.Build(g, stages)
}

// stages are the backbone stages whose outputs are used.
func (c Config) stages() []int {
	if c.Neck == nil {
		return []int{c.FeatureStage}
	}
	return c.Neck.Stages
}

// lastStage is the last stage before the box head.
func (c Config) lastStage() int {
	stages := c.stages()
	return stages[len(stages)-1]
}

// strides returns the stride of each level.
func (c Config) strides(network backbone.Network) (strides []int) {
	for _, s := range c.stages() {
		strides = append(strides, network.Stride(s))
	}
	if c.Neck != nil && c.Neck.ExtraLevel {
		strides = append(strides, 2*strides[len(strides)-1])
	}
	return strides
}

// Strides returns the stride of each level in pixels of the model input.
func (c Config) Strides() ([]int, error) {
	network, err := c.Backbone.New()
	if err != nil {
		return nil, err
	}
	return c.strides(network), nil
}

// pooledLevels returns the number of levels, the finest ones, that RoIAlign uses: all but the extra one. Each has twice the stride of the one before;
// of levels with the same stride, torchvision too uses only the first.
func (c Config) pooledLevels(network backbone.Network) int {
	strides := c.strides(network)[:len(c.stages())]
	for i := range strides {
		if strides[i] != strides[0]<<i {
			return i
		}
	}
	return len(strides)
}

// checkLevels returns an error if the levels, the anchors and the box head do not fit together.
func (c Config) checkLevels(network backbone.Network) error {
	last := network.Stages()
	switch {
	case c.Neck == nil && (c.FeatureStage < 1 || c.FeatureStage > last || c.FeatureStage == last && c.RoI.BoxHead == nil):
		return config.Invalid("feature_stage", c.FeatureStage, fmt.Sprintf("from 1 to %d, so that one stage is left for the box head", last-1))
	case c.Neck != nil && c.RoI.BoxHead == nil:
		return errors.New("roi.box_head is missing: a detector with a neck needs one")
	}
	if c.Neck != nil {
		if err := c.Neck.Check(network); err != nil {
			return err
		}
	}
	if err := c.RoI.Validate(); err != nil {
		return err
	}
	strides, a := c.strides(network), c.RPN.Anchors
	if a.Stride != strides[0] {
		return fmt.Errorf("rpn.anchors.stride = %d: features of stage %d have stride %d", a.Stride, c.stages()[0], strides[0])
	}
	if a.SizePerLevel && len(a.Sizes) != len(strides) {
		return fmt.Errorf("rpn.anchors.sizes = %v: want one for each of %d levels", a.Sizes, len(strides))
	}
	if c.pooledLevels(network) > 1 && !(c.RoI.Align.CanonicalSize > 0) {
		return fmt.Errorf("roi.align.canonical_size = %v: must be above 0 with several levels", c.RoI.Align.CanonicalSize)
	}
	return nil
}

// anchors returns the anchors of each level, for a model input of the given padded size.
func (m *Model) anchors(p proposing, padded geom.Size) (levels [][]geom.Box) {
	for i, stride := range m.Config.strides(m.network) {
		s := p.objectness[i].Shape()
		levels = append(levels, m.Config.RPN.Anchors.Level(i, stride).GridOn(s[1], s[2], padded))
	}
	return levels
}
