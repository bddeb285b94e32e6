package backbone

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/engine/calibrate"
	"scalenet/engine/cpu"
	"scalenet/engine/ref"
	"scalenet/nn"
)

// int8Network is a small network with all kinds of steps on bytes: scale aggregation whose resizes repeat pixels (at 64) and interpolate (at 88x72).
func int8Network(t *testing.T) Network {
	n, err := Config{Name: "scalenet", Stem: Stem{Channels: 8, Kernel: 3, Stride: 2}, Planes: []int{4, 8, 12, 16}, Blocks: []int{2, 1, 1, 1}, Scales: []int{1, 2, 4},
		Structure: Structure{{3, 2, 1, 16}, {3, 2, 0, 16}, {4, 3, 2, 8}, {6, 4, 3, 4}, {8, 5, 4, 2}}}.New()
	require.NoError(t, err)
	return n
}

// int8Run is a network on random images; it returns the logits.
type int8Run struct {
	dev    engine.Device
	params *nn.Params
	net    Network
	n, h   int
	w      int
}

func (r int8Run) logits(t *testing.T, images []float32, change func(*engine.Spec)) []float32 {
	t.Helper()
	g := nn.NewGraph(r.params, false)
	var x, y *nn.Node
	require.NoError(t, nn.Build(func() {
		x = g.Features("images", r.n, r.h, r.w, 3)
		y = Classifier(g, r.net, x, 10)
	}))
	store := engine.NewStore(r.dev, r.params)
	defer store.Close()
	spec := engine.Spec{Graph: g, Stages: [][]*nn.Node{{y}}}
	change(&spec)
	plan, err := engine.Compile(r.dev, store, spec)
	require.NoError(t, err)
	defer plan.Close()
	require.NoError(t, plan.Write(x, images))
	out := make([]float32, r.n*10)
	for range 2 { // the second run reuses packed weights
		require.NoError(t, plan.RunAll())
	}
	require.NoError(t, plan.Read(y, out))
	return out
}

func randomImages(n int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// A quantized network has the same bits on the reference device and on the CPU, with any number of threads, and for an image alone and in a batch. Its logits
// are near those in float.
func TestInt8Networks(t *testing.T) {
	net, params, reference := int8Network(t), nn.NewParams(1), ref.New(ref.Options{Fuse: true})
	for _, size := range [][2]int{{64, 64}, {88, 72}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			run := int8Run{reference, params, net, 2, size[0], size[1]}
			images := randomImages(2*size[0]*size[1]*3, uint64(size[0]))
			c := calibrate.New()
			float := run.logits(t, images, func(s *engine.Spec) { s.Observe = c.Observe })
			q := &engine.Quantization{Values: c.Quants(), Float: []string{"fc.weight"}}
			quantize := func(s *engine.Spec) { s.Quantization = q }
			want := run.logits(t, images, quantize)
			assert.NotEqual(t, float, want)
			assert.Greater(t, cosine(float, want), 0.99)
			for threads := 1; threads <= 3; threads++ {
				run.dev = device(t, threads)
				got := run.logits(t, images, quantize)
				if threads == 1 {
					// The stem and the classifier are float, in which devices differ by roundings.
					assert.Greater(t, cosine(want, got), 0.99999)
					want = got
				}
				require.Equal(t, want, got, "%d threads", threads)
			}
			run.n = 1
			require.Equal(t, want[:10], run.logits(t, images[:len(images)/2], quantize), "the first image alone")
		})
	}
}

// At a size whose resizes interpolate, a ReLU comes behind the resize that it is before at other sizes. Scales that were chosen at one do not serve as those of the
// other: such values stay in float.
func TestInt8OfAnotherSize(t *testing.T) {
	net, params, dev := int8Network(t), nn.NewParams(1), device(t, 1)
	c := calibrate.New()
	int8Run{dev, params, net, 1, 64, 64}.logits(t, randomImages(64*64*3, 5), func(s *engine.Spec) { s.Observe = c.Observe })
	other := int8Run{dev, params, net, 1, 88, 72}
	images := randomImages(88*72*3, 6)
	float := other.logits(t, images, func(*engine.Spec) {})
	got := other.logits(t, images, func(s *engine.Spec) {
		s.Quantization = &engine.Quantization{Values: c.Quants(), Float: []string{"fc.weight"}}
	})
	assert.NotEqual(t, float, got)
	assert.Greater(t, cosine(float, got), 0.99)
}

func device(t *testing.T, threads int) *cpu.Device {
	d, err := cpu.New(cpu.Options{Threads: threads})
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func cosine(a, b []float32) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// Every convolution but the stem is on bytes, each by its error as LayerError reports it; names of values do not depend on the size.
func TestInt8Layers(t *testing.T) {
	net, params, dev := int8Network(t), nn.NewParams(1), device(t, 1)
	names := map[int][]string{}
	var q *engine.Quantization
	for _, h := range []int{64, 128} {
		c := calibrate.New()
		int8Run{dev, params, net, 1, h, 64}.logits(t, randomImages(h*64*3, 5), func(s *engine.Spec) { s.Observe = c.Observe })
		q = &engine.Quantization{Values: c.Quants(), Float: []string{"fc.weight"}}
		names[h] = slices.Sorted(maps.Keys(q.Values))
	}
	assert.Equal(t, names[64], names[128])
	errors := map[string]float64{}
	float := int8Run{dev, params, net, 1, 128, 64}.logits(t, randomImages(128*64*3, 5), func(*engine.Spec) {})
	compared := int8Run{dev, params, net, 1, 128, 64}.logits(t, randomImages(128*64*3, 5), func(s *engine.Spec) {
		s.Quantization, s.LayerError = q, func(weight string, squares, sum float64) { errors[weight] = sum / max(squares, 1e-9) }
	})
	assert.Equal(t, float, compared, "with LayerError the network stays in float")
	for _, p := range params.All() {
		if p.Kind != nn.Weight || slices.Contains(q.Float, p.Name) || strings.Contains(p.Name, "fc") {
			continue
		}
		e, ok := errors[p.Name]
		assert.True(t, ok, p.Name)
		assert.True(t, e >= 0 && e < 0.01, "%s: %v", p.Name, e)
	}
}

// counting is a device that adds up the memory it gives.
type counting struct {
	*ref.Device
	bytes *int
}

func (d counting) Alloc(bytes int) (engine.Memory, error) {
	*d.bytes += bytes
	return d.Device.Alloc(bytes)
}

// A quantized network takes one byte per weight, and four per scale and per parameter in float; no weight is there twice. Its plan takes less, too.
func TestInt8Memory(t *testing.T) {
	net, params := int8Network(t), nn.NewParams(3)
	c := calibrate.New()
	run := int8Run{ref.New(ref.Options{Fuse: true}), params, net, 4, 128, 128}
	images := randomImages(4*128*128*3, 1)
	run.logits(t, images, func(s *engine.Spec) { s.Observe = c.Observe })
	q := &engine.Quantization{Values: c.Quants(), Float: []string{"fc.weight"}}
	bytes := map[string]bool{}
	want, floats := 0, 0
	for _, p := range params.All() {
		floats += 4 * p.Shape.TotalSize()
		if p.Kind == nn.Weight && !slices.Contains(q.Float, p.Name) {
			bytes[p.Name] = true
			want += p.Shape.TotalSize()
		} else {
			want += 4 * p.Shape.TotalSize()
		}
	}
	memory := func(params *nn.Params, q *engine.Quantization) (ofParams, ofPlan int, store *engine.Store) {
		g := nn.NewGraph(params, false)
		var y *nn.Node
		require.NoError(t, nn.Build(func() { y = Classifier(g, net, g.Features("images", 1, 128, 128, 3), 10) }))
		dev := counting{ref.New(ref.Options{Fuse: true}), new(int)}
		store = engine.NewStore(dev, params)
		plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{y}}, Quantization: q})
		require.NoError(t, err)
		defer plan.Close()
		return *dev.bytes - plan.Bytes(), plan.Bytes(), store
	}
	inFloat, floatPlan, _ := memory(params, nil)
	assert.Equal(t, floats, inFloat)
	_, _, store := memory(params, q)
	begins := store.BytesWeights()
	for name, parts := range begins {
		assert.True(t, bytes[name], name)
		want += 4 * len(parts) * params.Get(name).Shape[0]
	}
	assert.Len(t, begins, len(bytes))
	inInt8, int8Plan, store := memory(params.WithBytes(begins), q)
	assert.Equal(t, want, inInt8)
	assert.Equal(t, begins, store.BytesWeights())
	assert.LessOrEqual(t, int8Plan, floatPlan)
	t.Logf("parameters %d bytes in float, %d in int8; plan %d, %d", inFloat, inInt8, floatPlan, int8Plan)
}

func TestInt8Refused(t *testing.T) {
	g := nn.NewGraph(nn.NewParams(1), false)
	x := g.Features("x", 1, 4, 4, 3)
	spec := engine.Spec{Graph: g, Stages: [][]*nn.Node{{nn.Relu(x)}}, Features: engine.BFloat16, Quantization: &engine.Quantization{}}
	dev := ref.New(ref.Options{})
	_, err := engine.Measure(dev, spec)
	if dev.Capabilities().BFloat16 == nil {
		require.EqualError(t, err, "engine: int8 goes with float32, not with bf16")
	}
}
