package detector

import (
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/backbone"
	"scalenet/nn"
)

// deep matches networks that are like others, with more layers.
var deep = regexp.MustCompile(`(101|152|161|169|201)`)

// Every published network for images of ImageNet's size is a detector's backbone
// (ScaleNet's detectors have tests of their own): features after stage 3 have
// stride 16, an inference and a training step run, and the losses are finite.
func TestPublishedBackbones(t *testing.T) {
	dev := newCPU(t)
	for _, name := range backbone.Names() {
		if strings.HasPrefix(name, "cifar_") || strings.HasPrefix(name, "scalenet") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if deep.MatchString(name) && os.Getenv("SCALENET_SLOW") == "" {
				t.Skip("make test-slow runs it")
			}
			c := smallConfig()
			c.Backbone = backbone.Config{Name: name}
			c.RoI.Align.Size = 7
			c.RoI.Targets.Samples = 4
			c.RPN.Proposals.Train.AfterNMS, c.RPN.Proposals.Test.AfterNMS = 8, 8
			c.Frozen = Frozen{Stages: 1, Norms: true}
			m := newModel(t, c)
			require.Equal(t, 16, m.network.Stride(3))
			batch := squares(1)
			findSquares(t, m, dev, batch, Options{})
			trainer, err := NewTrainer(m, dev, nil, rand.New(rand.NewPCG(1, 2)))
			require.NoError(t, err)
			defer trainer.Close()
			g, err := trainer.Backward(context.Background(), batch, 1)
			require.NoError(t, err) // losses that are not finite are an error
			require.Len(t, g.Losses, 4)
		})
	}
}

// A network runs on inputs of its MinSide, and its feature maps have the size of the input divided by their stride, rounded up or down.
func TestLeastSides(t *testing.T) {
	for _, name := range backbone.Names() {
		n, err := backbone.Config{Name: name}.New()
		require.NoError(t, err)
		for s := 1; s <= n.Stages(); s++ {
			least := n.MinSide(s)
			for _, side := range []int{least, least + 1, least + 97, 640} {
				g := nn.NewGraph(nn.NewShapes(), false)
				require.NoError(t, nn.Build(func() {
					shape := backbone.Features(g, n, g.Features("images", 1, side, side, 3), s).Shape()
					require.InDelta(t, float64(side)/float64(n.Stride(s)), shape[1], 1, "%s, stage %d of %d pixels", name, s, side)
				}))
			}
			if least > 1 && !strings.Contains(name, "scalenet") { // a block may have no neurons at its coarsest scale
				g := nn.NewGraph(nn.NewShapes(), false)
				require.Error(t, nn.Build(func() { backbone.Features(g, n, g.Features("images", 1, least-1, least-1, 3), s) }), "%s, stage %d", name, s)
			}
		}
	}
}

// A network without a stage of stride 16 that is followed by another stage is an error that gives the reason.
func TestBackbonesThatDoNotSplit(t *testing.T) {
	for _, v := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Backbone = backbone.Config{Name: "cifar_resnet38"} }, "feature_stage = 3: must be from 1 to 2"},
		{func(c *Config) { c.Backbone, c.FeatureStage = backbone.Config{Name: "cifar_resnet38"}, 2 }, "features of stage 2 have stride 2"},
		{func(c *Config) { c.Backbone, c.FeatureStage = backbone.Config{Name: "xception"}, 4 }, "feature_stage = 4: must be from 1 to 3"},
		{func(c *Config) { c.Backbone = backbone.Config{Name: "seresnet50", Planes: []int{1}} }, "its shape is fixed"},
	} {
		c := smallConfig()
		v.change(&c)
		_, err := New(c, []string{"a"}, 1)
		require.ErrorContains(t, err, v.want)
	}
}

// Frozen stages are stages whatever the names of their parameters.
func TestFrozenStagesOfOtherNames(t *testing.T) {
	c := smallConfig()
	c.Backbone, c.RoI.Align.Size, c.Frozen = backbone.Config{Name: "densenet121"}, 14, Frozen{Stages: 2}
	m := newModel(t, c)
	for name, frozen := range map[string]bool{
		"features.conv0.weight": true, "features.norm0.bias": true, "features.denseblock1.denselayer6.conv2.weight": true,
		"features.transition1.conv.weight": true, "features.denseblock2.denselayer1.norm1.weight": true,
		"features.transition2.conv.weight": false, "features.denseblock4.denselayer1.conv1.weight": false, "features.norm5.weight": false,
		"rpn.head.conv.weight": false,
	} {
		require.NotNil(t, m.Params.Get(name), name)
		require.Equal(t, frozen, m.Params.Get(name).Frozen, name)
	}
}
