package backbone

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/engine/ref"
	"scalenet/nn"
)

// golden is a file of testdata/golden.py: a published network with weights and
// images by formula, in PyTorch and float64.
type golden struct {
	Network       string
	Images        int
	Stream        string // of numbers that the images are made of
	Height, Width int
	Features      []struct {
		Scale, Mean float64
		Step        int // between samples, in memory order N, H, W, C
		Samples     []float64
	}
	Logits    []float64
	Labels    []int32
	Loss      float64
	Gradients map[string][2]float64 // norm, and projection on fixed directions
}

func readGolden(t *testing.T, name string) (g golden) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g))
	return g
}

// processor is the device that products run on.
func processor(t testing.TB) engine.Device {
	dev, err := cpu.New(cpu.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { dev.Close() })
	return dev
}

// networkByFormula is a published network with weights by formula.
func networkByFormula(t *testing.T, name string) (Network, *nn.Params) {
	side, classes := 224, classesOf(name)
	if classes == 100 {
		side = 32
	}
	name, downsample, _ := strings.Cut(name, "/")
	n, err := Config{Name: name, Downsample: Downsample(downsample)}.New()
	require.NoError(t, err)
	g := nn.NewGraph(nn.NewParams(0), false)
	Classifier(g, n, g.Features("images", 1, side, side, 3), classes)
	fillByFormula(g.Params)
	return n, g.Params
}

// classesOf is how many classes a golden network tells apart.
func classesOf(name string) int {
	if strings.HasPrefix(name, "cifar_") {
		return 100
	}
	return 1000
}

// TestPublishedInference holds features and logits against PyTorch at the size
// of ImageNet and at one that no stride divides.
func TestPublishedInference(t *testing.T) {
	// Shares of an array's scale. PyTorch's own float32 is off by 5e-6 at most, its
	// bfloat16 by 1.5e-2, in MobileNetV3 by 6.6e-2.
	const float32s, bfloat16s, mobileNetBFloat16s = 1e-4, 1.5e-2, 0.1
	dev := processor(t)
	for network, sizes := range map[string][]string{
		"scalenet50":         {"224x224", "250x310"},
		"scalenet50_light":   {"224x224", "250x310"},
		"resnet50":           {"224x224", "250x310", "64x64"},
		"seresnet50":         {"224x224", "250x310", "64x64"},
		"resnext50":          {"224x224", "250x310", "64x64"},
		"densenet121":        {"224x224", "250x310", "64x64"},
		"xception":           {"224x224", "250x310", "64x64"},
		"mobilenet_v3_large": {"224x224", "250x310", "64x64"},
	} {
		n, params := networkByFormula(t, network)
		store := engine.NewStore(dev, params)
		bfloat16s := bfloat16s
		if network == "mobilenet_v3_large" {
			bfloat16s = mobileNetBFloat16s
		}
		for _, size := range sizes {
			want := readGolden(t, network+"_"+size)
			t.Run(network+" "+size+" f32", func(t *testing.T) { publishedInference(t, want, n, dev, store, false, float32s) })
			t.Run(network+" "+size+" bf16", func(t *testing.T) { publishedInference(t, want, n, dev, store, true, bfloat16s) })
			if size == "64x64" { // the only one that is small enough
				dev := ref.New(ref.Options{})
				t.Run(network+" "+size+" ref", func(t *testing.T) {
					publishedInference(t, want, n, dev, engine.NewStore(dev, params), false, 1e-6)
				})
			}
		}
		store.Close()
	}
}

func publishedInference(t *testing.T, want golden, n Network, dev engine.Device, store *engine.Store, bfloat16 bool, ofScale float64) {
	if err := dev.Capabilities().BFloat16; bfloat16 && err != nil {
		t.Skip(err)
	}
	g := nn.NewGraph(store.Params(), false)
	images := g.Features("images", 1, want.Height, want.Width, 3)
	outputs := []*nn.Node{n.Stem(g, images)}
	for s := 1; s <= n.Stages(); s++ {
		outputs = append(outputs, n.Stage(g, outputs[s-1], s))
	}
	logits := head(g, n, nn.GlobalAvgPool(outputs[n.Stages()]), classesOf(want.Network))
	if bfloat16 { // features stay bfloat16 in the network and are read as float32
		for i, x := range outputs {
			outputs[i] = nn.Apply(engine.Cast{}, x)
		}
	}
	outputs = append(outputs, logits)
	features := engine.Float32
	if bfloat16 {
		features = engine.BFloat16
	}
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{outputs}, Features: features})
	require.NoError(t, err)
	defer plan.Close()
	require.NoError(t, plan.Write(images, imagesByFormula("", 1, want.Height, want.Width)))
	require.NoError(t, plan.RunAll())

	read := func(n *nn.Node) []float32 {
		v := make([]float32, n.Shape().TotalSize())
		require.NoError(t, plan.Read(n, v))
		return v
	}
	for i, f := range want.Features {
		got, worst, mean := read(outputs[i]), 0.0, 0.0
		for j, w := range f.Samples {
			worst = math.Max(worst, math.Abs(float64(got[j*f.Step])-w))
		}
		for _, v := range got {
			mean += float64(v) / float64(len(got))
		}
		t.Logf("features %d: samples off by %.2g of the scale, the mean by %.2g", i, worst/f.Scale, math.Abs(mean-f.Mean)/f.Scale)
		require.LessOrEqual(t, worst/f.Scale, ofScale, "samples of features %d", i)
		require.LessOrEqual(t, math.Abs(mean-f.Mean)/f.Scale, ofScale, "mean of features %d", i)
	}
	scale, worst := 0.0, 0.0
	for i, v := range read(logits) {
		scale = math.Max(scale, math.Abs(want.Logits[i]))
		worst = math.Max(worst, math.Abs(float64(v)-want.Logits[i]))
	}
	t.Logf("logits off by %.2g of the scale", worst/scale)
	require.LessOrEqual(t, worst/scale, ofScale, "logits")
}

// TestPublishedBackward holds every gradient of a network of each family against
// PyTorch's: with BatchNorms frozen, as a detector has them, on the reference
// device and on the processor, and there with batch statistics too.
//
// On the processor single rectifiers switch, by the rounding of Winograd's
// convolutions and of batch statistics of few pixels. Each is one of 16,000 to
// 130,000 whose gradients add up to a stage's.
func TestPublishedBackward(t *testing.T) {
	for _, c := range []struct {
		network       string
		frozen, batch float64 // tolerances on the processor
	}{
		{"resnet50", 1e-4, 1e-2}, {"seresnet50", 1e-2, 1e-2}, {"resnext50", 1e-2, 1e-2}, {"densenet121", 1e-2, 3e-2}, {"xception", 1e-2, 1e-2},
		{"mobilenet_v3_large", 1e-2, 1e-2},
	} {
		frozen := readGolden(t, c.network+"_frozen_64x64")
		t.Run(c.network+" frozen ref", func(t *testing.T) {
			if c.network != "mobilenet_v3_large" && os.Getenv("SCALENET_SLOW") == "" {
				t.Skip("plain Go takes long: make test-slow runs it")
			}
			// PyTorch's own float32 is off by 4e-6 at most.
			publishedBackward(t, frozen, ref.New(ref.Options{}), true, 1e-5)
		})
		t.Run(c.network+" frozen", func(t *testing.T) { publishedBackward(t, frozen, processor(t), true, c.frozen) })
		t.Run(c.network+" batch statistics", func(t *testing.T) {
			publishedBackward(t, readGolden(t, c.network+"_train_64x64"), processor(t), false, c.batch)
		})
	}
}

// TestCIFAR holds the networks for 32x32, with each way to downsample, against
// PyTorch: features, logits and every gradient. The gradients' image keeps what
// enters rectifiers away from zero (clear_stream in golden.py).
func TestCIFAR(t *testing.T) {
	for _, network := range []string{
		"cifar_resnet38", "cifar_scalenet38", "cifar_scalenet38/average_pool", "cifar_scalenet38/stride", "cifar_scalenet38/dilation",
	} {
		file := strings.ReplaceAll(network, "/", "_")
		forward, frozen := readGolden(t, file+"_32x32"), readGolden(t, file+"_frozen_32x32")
		for device, dev := range map[string]engine.Device{"ref": ref.New(ref.Options{}), "cpu": processor(t)} {
			t.Run(network+" "+device, func(t *testing.T) {
				n, params := networkByFormula(t, network)
				store := engine.NewStore(dev, params)
				defer store.Close()
				publishedInference(t, forward, n, dev, store, false, 1e-6)
				publishedBackward(t, frozen, dev, true, 1e-5) // PyTorch's own float32 is off by 2e-6
			})
		}
	}
	t.Run("batch statistics", func(t *testing.T) {
		// A rectifier switches: in PyTorch's own float32 it costs 3e-2.
		publishedBackward(t, readGolden(t, "cifar_resnet38_train_32x32"), ref.New(ref.Options{}), false, 1e-2)
		publishedBackward(t, readGolden(t, "cifar_scalenet38_train_32x32"), ref.New(ref.Options{}), false, 1e-4)
	})
}

func publishedBackward(t *testing.T, want golden, dev engine.Device, frozen bool, tolerance float64) {
	n, params := networkByFormula(t, want.Network)
	params.Freeze(func(p *nn.Param) bool { return frozen && p.Kind != nn.Weight && p.Kind != nn.Bias })
	g := nn.NewGraph(params, true)
	images := g.Features("images", want.Images, want.Height, want.Width, 3)
	labels, one := g.Labels("labels", want.Images), g.Input("one", 1)
	loss := nn.Apply(nn.SoftmaxCrossEntropy{}, Classifier(g, n, images, classesOf(want.Network)), labels)
	grads, _ := g.Backward([]*nn.Node{loss}, []*nn.Node{one})
	outputs := []*nn.Node{loss}
	for _, gr := range grads {
		outputs = append(outputs, gr.Node)
	}
	store := engine.NewStore(dev, params)
	defer store.Close()
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{outputs}})
	require.NoError(t, err)
	defer plan.Close()
	require.NoError(t, plan.Write(images, imagesByFormula(want.Stream, want.Images, want.Height, want.Width)))
	require.NoError(t, plan.Write(labels, want.Labels))
	require.NoError(t, plan.Write(one, []float32{1}))
	require.NoError(t, plan.RunAll())

	got := make([]float32, 1)
	require.NoError(t, plan.Read(loss, got))
	require.InEpsilon(t, want.Loss, float64(got[0]), tolerance)
	worst, largest := 0.0, 0.0
	for _, w := range want.Gradients {
		largest = max(largest, w[0])
	}
	for _, gr := range grads {
		w, ok := want.Gradients[gr.Param.Name]
		require.True(t, ok, gr.Param.Name)
		values := make([]float32, len(gr.Param.Data))
		require.NoError(t, plan.Read(gr.Node, values))
		squares, projection := 0.0, 0.0
		for i, u := range formula(gr.Param.Name+" direction", len(values)) {
			v := float64(values[i])
			squares += v * v
			projection += v * u
		}
		scale := w[0]
		if scale < 1e-10*largest { // zero but for rounding: the BatchNorm after the next 1x1 convolution removes this bias
			scale = 1e-4 * largest
		}
		off := math.Max(math.Abs(math.Sqrt(squares)-w[0]), math.Abs(projection-w[1])) / scale
		worst = math.Max(worst, off)
		require.LessOrEqual(t, off, tolerance, "gradient of %s: norm %g, projection %g, want %v", gr.Param.Name, math.Sqrt(squares), projection, w)
	}
	t.Logf("gradients off by %.2g of their norm", worst)
}
