package detector

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/rpn"
	"scalenet/train"
)

// torchvisionGolden is testdata/torchvision.json, written by testdata/torchvision.py.
type torchvisionGolden struct {
	Detections      map[string][]goldenDetection // by image
	Frozen, Trained goldenStep
}

type goldenDetection struct {
	Class int32
	Score float32
	Box   [4]float32
}

// goldenStep is a training step on the first two images.
type goldenStep struct {
	Losses           map[string]float64
	Anchors, Regions []struct{ Positive, Negative []int } // sampled, by image
	Proposals        [][][4]float32                       // before sampling
}

func readTorchvision(t *testing.T) (g torchvisionGolden) {
	data, err := os.ReadFile("testdata/torchvision.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g))
	return g
}

// torchvisionModel has torchvision's structure, options and parameters.
func torchvisionModel(t *testing.T, frozenNorms bool) *Model {
	c := Default()
	c.Backbone = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 16, Kernel: 3},
		Blocks: []int{1, 1, 1, 1}, Planes: []int{6, 8, 12, 16},
		Structure: backbone.Structure{{5, 2, 2, 2, 56}, {6, 3, 2, 0, 28}, {8, 4, 3, 0, 14}, {10, 6, 3, 3, 7}}}
	c.RPN.Channels = 24
	c.RPN.Anchors.Sizes, c.RPN.Anchors.Rounding = []float64{16, 32, 64}, rpn.RoundCorners
	c.RPN.Targets.Samples = 64
	c.RPN.Proposals.Train = rpn.Counts{BeforeNMS: 400, AfterNMS: 40}
	c.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 300, AfterNMS: 30}
	c.RoI.Align.Aligned, c.RoI.Align.SamplingRatio = false, 2
	c.RoI.LossBeta = 1.0 / 9
	c.RoI.Targets.Samples = 16
	c.Input.Shorter, c.Input.Longest = []int{160}, 260
	c.Input.TestShorter, c.Input.TestLongest = 160, 260
	c.Frozen = Frozen{Stages: -1, Norms: frozenNorms}
	m, err := New(c, []string{"RBC", "WBC", "Platelets", "king"}, 1)
	require.NoError(t, err)
	report, err := m.Init("testdata/torchvision_model.safetensors")
	require.NoError(t, err)
	require.NoError(t, report.Err("testdata/torchvision_model.safetensors"))
	require.Empty(t, report.LeftOver)
	return m
}

func TestDetectionsEqualTorchvision(t *testing.T) {
	golden := readTorchvision(t)
	onDevices(t, func(t *testing.T, dev engine.Device) {
		d := NewDetector(torchvisionModel(t, true), dev, Options{RoIs: 16}) // 30 proposals: two runs
		defer d.Close()
		data := images(t)
		var images []*imaging.Image
		for i := range data.Images {
			im, err := imaging.Load(data.ImagePath(i), imaging.Limits{})
			require.NoError(t, err)
			images = append(images, im)
		}
		all, _, err := d.Detect(images...) // the last two as a batch
		require.NoError(t, err)
		for i, found := range all {
			name := data.Images[i].FileName
			want := golden.Detections[name]
			require.Len(t, found, len(want), name)
			for k, x := range found {
				require.Equal(t, want[k].Class, x.Class, "%s: detection %d", name, k)
				require.InDelta(t, want[k].Score, x.Score, 1e-4, "%s: detection %d", name, k)
				for s, v := range [4]float32{x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2} {
					require.InDelta(t, want[k].Box[s], v, 0.01, "%s: detection %d", name, k)
				}
			}
		}
	})
}

// A step on two images of different sizes, with torchvision's sampled anchors and RoIs.
func TestStepEqualsTorchvision(t *testing.T) {
	golden := readTorchvision(t)
	onDevices(t, func(t *testing.T, dev engine.Device) {
		t.Run("frozen norms", func(t *testing.T) {
			checkStep(t, dev, torchvisionModel(t, true), golden.Frozen, "testdata/torchvision_frozen.safetensors")
		})
		t.Run("trained norms", func(t *testing.T) {
			checkStep(t, dev, torchvisionModel(t, false), golden.Trained, "testdata/torchvision_trained.safetensors")
		})
	})
}

func checkStep(t *testing.T, dev engine.Device, m *Model, want goldenStep, tensors string) {
	file, err := checkpoint.Load(tensors)
	require.NoError(t, err)
	store := engine.NewStore(dev, m.Params)
	defer store.Close()
	step := injectedStep(t, dev, store, m, want, 1, 1e-5)
	defer step.close()
	requireRunning(t, store, step.first)
	requireRunning(t, store, step.second)
	require.NoError(t, store.Download())
	compareStep(t, dev, m, step, file)
}

// injectedStep makes a step with torchvision's samples. Its gradients are those of the losses times scale. It checks the losses against
// torchvision's within a relative tolerance.
func injectedStep(t *testing.T, dev engine.Device, store *engine.Store, m *Model, want goldenStep, scale float32, part float64) *training {
	batch, examples := torchvisionBatch(t, m, preprocessesOnDevice(dev))
	in := input{batch.Raw, batch.Pixels}
	parts, err := m.gradientParts()
	require.NoError(t, err)
	step, err := m.compileTraining(dev, store, batchSize{2, batch.H, batch.W}, byteCapacity(in.bytes()), parts)
	require.NoError(t, err)
	require.NoError(t, step.forward(t.Context(), m, in, examples))
	s := injected(t, m, step, examples, want)
	require.NoError(t, step.fill(m, s))
	require.NoError(t, step.backward(t.Context(), scale, nil))
	losses, err := step.losses()
	require.NoError(t, err)
	require.Len(t, losses, 4)
	for _, l := range losses {
		name := map[string]string{"rpn_objectness": "loss_objectness", "rpn_box": "loss_rpn_box_reg", "class": "loss_classifier", "box": "loss_box_reg"}[l.Name]
		require.InEpsilon(t, want.Losses[name], l.Value, part, l.Name)
	}
	return step
}

// In 16-bit types the losses are near torchvision's in float32, and the gradient of all parameters, from scaled losses, has nearly the same direction
// and length. The difference comes from ReLU inputs that change sign. In float32, pixels off by 2^-11 of their value give a cosine of 0.991.
func TestShortStepEqualsTorchvision(t *testing.T) {
	golden := readTorchvision(t)
	onDevices(t, func(t *testing.T, dev engine.Device) {
		for _, p := range []train.Precision{train.BFloat16, train.Float16} {
			t.Run(string(p), func(t *testing.T) {
				if err := p.On(dev); err != nil {
					t.Skip(err)
				}
				checkShortStep(t, dev, p, golden.Frozen, "testdata/torchvision_frozen.safetensors")
			})
		}
	})
}

func checkShortStep(t *testing.T, dev engine.Device, p train.Precision, want goldenStep, tensors string) {
	file, err := checkpoint.Load(tensors)
	require.NoError(t, err)
	m := torchvisionModel(t, true)
	m.Config.Train.Precision = p
	store := engine.NewStore(dev, m.Params)
	defer store.Close()
	const scale = 1 << 16
	step := injectedStep(t, dev, store, m, want, scale, 0.03)
	defer step.close()
	var ours, theirs, both float64
	for _, q := range m.Params.All() {
		memory := step.gradients.Of(q)
		if memory == nil {
			continue
		}
		tensor, ok := file.Tensor(q.Name)
		require.True(t, ok, q.Name)
		want, err := tensor.Float32s()
		require.NoError(t, err)
		got := make([]float32, len(want))
		require.NoError(t, dev.Read(got, memory))
		for i := range want {
			a, b := float64(got[i])/scale, float64(want[i])
			ours, theirs, both = ours+a*a, theirs+b*b, both+a*b
		}
	}
	cosine, length := both/math.Sqrt(ours*theirs), math.Sqrt(ours/theirs)
	t.Logf("cosine %.5f, length %.4f of torchvision's", cosine, length)
	require.Greater(t, cosine, 0.98)
	require.InDelta(t, 1, length, 0.1)
}

// torchvisionBatch is the first two images as the loader makes a batch of them.
func torchvisionBatch(t *testing.T, m *Model, raw bool) (*coco.Batch, []example) {
	data := images(t)
	data.Images = data.Images[:2]
	c := m.Config.Input
	loader, err := coco.NewLoader(data, coco.LoaderConfig{
		Batch: 2, Buckets: 1, Shorter: c.Shorter, Longest: c.Longest, Divisor: c.Divisor, MinSide: m.PadTo(1),
		Raw: raw, Normalization: imaging.Normalization{Mean: c.Mean, Std: c.Std},
	})
	require.NoError(t, err)
	defer loader.Close()
	batch, err := loader.Next(context.Background())
	require.NoError(t, err)
	require.Equal(t, geom.Size{W: 256, H: 224}, geom.Size{W: batch.W, H: batch.H}, "256x160 and 160x213, padded")
	examples, err := m.examples(batch)
	require.NoError(t, err)
	return batch, examples
}

// injected returns torchvision's samples with targets computed here. In float32, it checks that the proposals are torchvision's.
func injected(t *testing.T, m *Model, step *training, batch []example, want goldenStep) (s samples) {
	c := m.Config
	for i, e := range batch {
		a := c.RPN.Assign(step.grid, e.truth, e.size)
		positive, negative := want.Anchors[i].Positive, want.Anchors[i].Negative
		for _, n := range positive {
			require.Equal(t, rpn.Foreground, a.Labels[n])
		}
		for _, n := range negative {
			require.Equal(t, rpn.Background, a.Labels[n])
		}
		s.anchors = append(s.anchors, c.RPN.SampledTargets(step.grid, e.truth, a, positive, negative))

		own := nn.RoIBoxes(part(step.targets.proposals, i, len(batch)))
		if c.Train.Precision == train.Float32 {
			require.Len(t, own, len(want.Proposals[i]))
		}
		proposals := make([]geom.Box, len(want.Proposals[i]))
		for k, v := range want.Proposals[i] {
			proposals[k] = geom.Box{X1: v[0], Y1: v[1], X2: v[2], Y2: v[3]}
			if c.Train.Precision != train.Float32 {
				continue
			}
			b := own[k]
			require.InDeltaSlice(t, v[:], []float32{b.X1, b.Y1, b.X2, b.Y2}, 0.01, "image %d, proposal %d", i, k)
		}
		regions := c.RoI.Assign(proposals, e.truth)
		for _, n := range want.Regions[i].Positive {
			require.Positive(t, regions.Labels[n])
		}
		for _, n := range want.Regions[i].Negative {
			require.Zero(t, regions.Labels[n])
		}
		s.rois = append(s.rois, c.RoI.SamplesOf(regions, e.truth, slices.Concat(want.Regions[i].Positive, want.Regions[i].Negative)))
	}
	return s
}

// compareStep compares every gradient with torchvision's, and the running statistics if the file has them.
func compareStep(t *testing.T, dev engine.Device, m *Model, step *training, file *checkpoint.File) {
	compared, worst := 0, 0.0
	for _, tensor := range file.Tensors {
		p := m.Params.Get(tensor.Name)
		require.NotNil(t, p, tensor.Name)
		want, err := tensor.Float32s()
		require.NoError(t, err)
		got := p.Data
		if p.Kind.Learned() {
			require.NotNil(t, step.gradients.Of(p), p.Name)
			got = make([]float32, len(want))
			require.NoError(t, dev.Read(got, step.gradients.Of(p)))
			compared++
		}
		scale := 0.0
		for _, v := range want {
			scale = max(scale, math.Abs(float64(v)))
		}
		for i := range want {
			off := math.Abs(float64(want[i] - got[i]))
			require.LessOrEqual(t, off, max(1e-4*scale, 2e-5), "%s[%d]: %v, torchvision's %v, scale %v", p.Name, i, got[i], want[i], scale)
			if 1e-4*scale > 2e-5 {
				worst = max(worst, off/scale)
			}
		}
	}
	ours := 0
	for _, part := range step.gradients {
		ours += len(part)
	}
	require.Equal(t, ours, compared, "torchvision has a gradient for each of ours")
	t.Logf("%d gradients, at most %.1g of their scale off", compared, worst)
}

// requireRunning moves the running statistics by the batch that a plan has just run.
func requireRunning(t *testing.T, store *engine.Store, plan *engine.Plan) {
	moments, err := plan.Moments()
	require.NoError(t, err)
	require.NoError(t, store.UpdateRunning(moments))
}
