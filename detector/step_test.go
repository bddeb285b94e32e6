package detector

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/backbone"
	"scalenet/coco"
	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
	"scalenet/train"
)

// smallConfig is a detector that the reference device can train.
func smallConfig() Config {
	c := Default()
	c.Backbone = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 8, Kernel: 3},
		Blocks: []int{1, 1, 1, 1}, Planes: []int{4, 4, 8, 8}, Scales: []int{1, 2},
		Structure: backbone.Structure{{3, 2, 16}, {3, 2, 8}, {6, 3, 4}, {6, 3, 2}}}
	c.RPN.Channels = 16
	c.RPN.Anchors.Sizes = []float64{16, 32}
	c.RPN.Proposals.Train.AfterNMS, c.RPN.Proposals.Test.AfterNMS = 40, 40
	c.RoI.Targets.Samples = 16
	c.RoI.Align.Size = 4
	c.Input.Shorter, c.Input.Longest, c.Input.TestShorter, c.Input.TestLongest = []int{64}, 128, 64, 128
	c.Frozen = Frozen{Stages: -1}
	c.Batch, c.Train.LR = 1, 0.02
	return c
}

// pyramid adds a pyramid of four levels and an extra one.
func pyramid(c *Config) {
	c.Neck = &backbone.FPN{Stages: []int{1, 2, 3, 4}, Channels: 16, ExtraLevel: true}
	c.RPN.Anchors.Stride, c.RPN.Anchors.Sizes, c.RPN.Anchors.SizePerLevel = 4, []float64{8, 16, 32, 48, 64}, true
	c.RoI.Align.CanonicalSize, c.RoI.Align.CanonicalLevel, c.RoI.Align.LevelFormula = 32, 4, nn.TorchvisionLevels
	c.RoI.BoxHead = &roi.BoxHead{Linear: 2, Channels: 64}
	c.RoI.Detections.Score = 0.01
	c.Frozen.Norms = true
}

func newModel(t *testing.T, c Config) *Model {
	m, err := New(c, []string{"a", "b"}, 3)
	require.NoError(t, err)
	return m
}

// squares is a batch of n images with a bright square of class 1 in each, the
// second one narrower than the batch.
func squares(n int) *coco.Batch {
	const side = 64
	b := &coco.Batch{H: side, W: side, Pixels: make([]float32, n*side*side*3)}
	for i := range n {
		at := geom.Box{X1: 20, Y1: 16, X2: 48, Y2: 40}
		size := geom.Size{W: side, H: side}
		if i == 1 {
			at, size.W = geom.Box{X1: 8, Y1: 24, X2: 36, Y2: 48}, 50
		}
		for y := int(at.Y1); y < int(at.Y2); y++ {
			for x := int(at.X1); x < int(at.X2); x++ {
				for c := range 3 {
					b.Pixels[((i*side+y)*side+x)*3+c] = 2
				}
			}
		}
		b.Samples = append(b.Samples, coco.Sample{FileName: "square.png", Original: size, Resized: size,
			Boxes: []geom.Box{at}, Classes: []int{1}, Crowd: []bool{false}})
	}
	return b
}

// learn makes steps on one batch and returns the first and the last loss; the
// model has the learned parameters afterwards.
func learn(t *testing.T, m *Model, dev engine.Device, b *coco.Batch, steps int) (begin, end float64) {
	trainer, err := NewTrainer(m, dev, nil, rand.New(rand.NewPCG(1, 2)))
	require.NoError(t, err)
	defer trainer.Close()
	optimizer, err := train.NewOptimizer(dev, trainer.Params(), m.Config.Train)
	require.NoError(t, err)
	defer optimizer.Close()
	for i := range steps {
		g, err := trainer.Backward(context.Background(), b, 1)
		require.NoError(t, err)
		end = 0
		for _, l := range g.Losses {
			end += l.Value
		}
		if i == 0 {
			begin = end
		}
		require.NoError(t, trainer.UpdateRunning(g.Moments))
		require.NoError(t, optimizer.Accumulate(g.Grads))
		require.NoError(t, optimizer.Step(m.Config.Train.LR))
	}
	_, err = trainer.Tensors()
	require.NoError(t, err)
	return begin, end
}

// findSquares runs a model on the images of a batch.
func findSquares(t *testing.T, m *Model, dev engine.Device, b *coco.Batch, o Options) [][]roi.Detection {
	d := NewDetector(m, dev, o)
	defer d.Close()
	frames := make([]frame, len(b.Samples))
	for i, s := range b.Samples {
		frames[i] = frame{s.Original, s.Resized, m.Settings()}
	}
	pending, err := d.start(func() (input, error) { return input{b.Raw, b.Pixels}, nil }, batchSize{len(frames), b.H, b.W}, frames)
	require.NoError(t, err)
	require.NoError(t, d.wait(pending))
	return pending.found
}

func paper(c *Config) {
	p := Paper()
	c.Boxes = p.Boxes
	c.RPN.Objectness, c.RPN.Targets, c.RPN.Anchors.Rounding = p.RPN.Objectness, p.RPN.Targets, p.RPN.Anchors.Rounding
	c.RPN.Proposals.MinSize = 0
	c.RoI.Align.Aligned, c.RoI.Targets.Replace, c.RoI.Targets.CrowdShare = false, true, 0
	c.RoI.Detections = p.RoI.Detections
}

// Every variant overfits on a batch on both devices, and the trained model gives the same detections on both.
func TestVariantsLearn(t *testing.T) {
	for _, v := range []struct {
		name   string
		images int
		change func(*Config)
	}{
		{"default", 1, func(*Config) {}},
		{"paper", 1, paper},
		{"class-agnostic", 1, func(c *Config) { c.RoI.ClassAgnostic = true }},
		{"frozen stages", 1, func(c *Config) { c.Frozen.Stages = 2 }},
		{"everything before the RPN frozen", 1, func(c *Config) { c.Frozen.Stages = 3 }},
		{"frozen norms", 1, func(c *Config) { c.Frozen.Norms = true }},
		{"two images, one padded", 2, func(*Config) {}},
		{"only the heads", 1, func(c *Config) { c.Frozen.Stages, c.Train.LR = 4, 0.0001 }},
		{"no RPN", 1, func(c *Config) {
			c.Frozen.Stages = 3
			c.Train.Groups = []train.Group{{Match: "rpn.*", Frozen: true}}
			c.RoI.Detections.Score = 0.01
		}},
		{"features of stage 2", 1, func(c *Config) {
			c.FeatureStage, c.RPN.Anchors.Stride, c.Frozen.Norms = 2, 8, true
		}},
		{"pyramid, two images, one padded, trained norms", 2, func(c *Config) { pyramid(c); c.Frozen.Norms = false }},
		{"pyramid with norms, two convolutions, softmax", 1, func(c *Config) {
			pyramid(c)
			c.Neck.Norm, c.RPN.Depth, c.RPN.Objectness = true, 2, rpn.Softmax
			c.RoI.BoxHead = &roi.BoxHead{Convs: 2, ConvChannels: 16, Linear: 1, Channels: 64, Norm: true}
		}},
		{"pyramid, everything before the neck frozen", 1, func(c *Config) { pyramid(c); c.Frozen.Stages, c.Train.LR = 4, 0.001 }},
		{"box head without a neck", 1, func(c *Config) { c.RoI.BoxHead = &roi.BoxHead{Convs: 1, ConvChannels: 8} }},
		{"ResNet", 1, func(c *Config) {
			c.Backbone = backbone.Config{Name: "resnet", Stem: backbone.Stem{Channels: 8, Kernel: 3}, Blocks: []int{1, 1, 1, 1}, Planes: []int{4, 4, 8, 8}}
		}},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := smallConfig()
			v.change(&c)
			batch := squares(v.images)
			oracle, dev := ref.New(ref.Options{}), newCPUOf(t, 1) // threads would wait for each other more than compute
			begin, end := learn(t, newModel(t, c), oracle, batch, 4)
			require.Less(t, end, begin, "ref")

			m := newModel(t, c)
			steps := 80
			if c.Neck != nil {
				steps = 120 // its heads learn more slowly
			}
			begin2, end2 := learn(t, m, dev, batch, steps)
			require.InEpsilon(t, begin, begin2, 1e-4, "the first loss is the same on both")
			require.Less(t, end2, 0.7*begin2, "cpu")
			t.Logf("loss %.3f, after %d steps %.3f", begin2, steps, end2)

			want := findSquares(t, m, oracle, batch, Options{})
			compareDetections(t, want, findSquares(t, m, dev, batch, Options{RoIs: 7}))
			if v.name == "no RPN" {
				return // which proposals go on is chance and differs in bfloat16
			}
			if err := dev.Capabilities().BFloat16; err != nil {
				t.Skip(err)
			}
			compareBFloat16(t, want, findSquares(t, m, dev, batch, Options{Features: engine.BFloat16}))
		})
	}
}

func compareDetections(t *testing.T, want, got [][]roi.Detection) {
	for i := range want {
		require.NotEmpty(t, want[i])
		require.Len(t, got[i], len(want[i]))
		for k, w := range want[i] {
			g := got[i][k]
			require.Equal(t, w.Class, g.Class)
			require.InDelta(t, w.Score, g.Score, 1e-4)
			require.InDeltaSlice(t, []float32{w.Box.X1, w.Box.Y1, w.Box.X2, w.Box.Y2}, []float32{g.Box.X1, g.Box.Y1, g.Box.X2, g.Box.Y2}, 1e-3)
		}
	}
}

// compareBFloat16 looks at the best detection: its score within 0.05, its box
// within a pixel. Below it, proposals may change places.
func compareBFloat16(t *testing.T, want, got [][]roi.Detection) {
	for i := range want {
		require.NotEmpty(t, got[i])
		w, g := want[i][0], got[i][0]
		require.Equal(t, w.Class, g.Class)
		require.InDelta(t, w.Score, g.Score, 0.05)
		require.InDeltaSlice(t, []float32{w.Box.X1, w.Box.Y1, w.Box.X2, w.Box.Y2}, []float32{g.Box.X1, g.Box.Y1, g.Box.X2, g.Box.Y2}, 1)
	}
}

// Frozen parameters stay the same, trained ones and running statistics change.
func TestFrozenParametersStay(t *testing.T) {
	for name, frozen := range map[string]Frozen{"nothing": {Stages: -1}, "stem": {}, "two stages": {Stages: 2}, "norms": {Stages: -1, Norms: true}} {
		t.Run(name, func(t *testing.T) {
			c := smallConfig()
			c.Frozen = frozen
			before, m := newModel(t, c), newModel(t, c)
			learn(t, m, newCPU(t), squares(1), 2)
			for _, p := range m.Params.All() {
				if p.Frozen {
					require.Equal(t, before.Params.Get(p.Name).Data, p.Data, p.Name)
				} else {
					require.NotEqual(t, before.Params.Get(p.Name).Data, p.Data, p.Name)
				}
			}
		})
	}
}

// Detections have continuous boxes if the model's convention is inclusive.
func TestInclusiveBoxesAreConverted(t *testing.T) {
	c := smallConfig()
	c.Boxes = geom.Inclusive
	m := newModel(t, c)
	examples, err := m.examples(squares(1))
	require.NoError(t, err)
	require.Equal(t, geom.Box{X1: 20, Y1: 16, X2: 47, Y2: 39}, examples[0].truth.Boxes[0])
	require.Equal(t, geom.Box{X1: 20, Y1: 16, X2: 48, Y2: 40}, m.toContinuous(examples[0].truth.Boxes[0]))
}
