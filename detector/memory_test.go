package detector

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/collective"
	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/train"
)

// counting is a device that counts the bytes allocated on it, and those mapped.
type counting struct {
	engine.Device
	bytes, mapped atomic.Int64
}

func (d *counting) Alloc(bytes int) (engine.Memory, error) {
	m, err := d.Device.Alloc(bytes)
	if err == nil {
		d.bytes.Add(int64(bytes))
	}
	return m, err
}

func (d *counting) Map(host any) (engine.Memory, error) {
	m, err := d.Device.Map(host)
	if err == nil {
		d.bytes.Add(int64(m.Bytes()))
		d.mapped.Add(int64(m.Bytes()))
	}
	return m, err
}

func (d *counting) Free(m engine.Memory) {
	d.bytes.Add(-int64(m.Bytes()))
	d.Device.Free(m)
}

// DetectionBytes predicts the memory of a detection without allocating any.
func TestDetectionBytes(t *testing.T) {
	d := NewDetector(newModel(t, smallConfig()), newCPU(t), Options{})
	defer d.Close()
	need, err := d.DetectionBytes(geom.Size{W: 128, H: 64})
	require.NoError(t, err)
	_, _, err = d.Detect(imaging.New(128, 64))
	require.NoError(t, err)
	require.Equal(t, d.Bytes(), need)
}

// TrainingBytes is at most what training takes, and not much less, with and without sums of gradients.
func TestTrainingBytes(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"C4":      func(*Config) {},
		"pyramid": pyramid,
		"sums":    func(c *Config) { c.Train.Accumulate, c.Train.EMADecay = 4, 0.9 },
		"frozen":  func(c *Config) { c.Frozen.Stages, c.Frozen.Norms, c.Train.Optimizer = 2, true, train.AdamW },
	} {
		t.Run(name, func(t *testing.T) {
			c := smallConfig()
			change(&c)
			c.Batch = 2
			m := newModel(t, c)
			dev := &counting{Device: ref.New(ref.Options{})}
			need, err := m.TrainingBytes(dev, []geom.Size{{W: 64, H: 64}}, nil)
			require.NoError(t, err)
			require.Zero(t, dev.bytes.Load())
			trainer, err := NewTrainer(m, dev, nil, nil)
			require.NoError(t, err)
			defer trainer.Close()
			optimizer, err := train.NewOptimizer(dev, trainer.Params(), c.Train)
			require.NoError(t, err)
			defer optimizer.Close()
			if c.Train.EMADecay > 0 {
				ema, err := train.NewEMA(dev, trainer.Params(), c.Train.EMADecay)
				require.NoError(t, err)
				defer ema.Close()
			}
			_, err = trainer.Backward(t.Context(), squares(2), 1)
			require.NoError(t, err)
			used := float64(dev.bytes.Load())
			require.LessOrEqual(t, float64(need), used)
			require.Greater(t, float64(need), 0.9*used)
		})
	}
}

// Each of several processes needs memory for what it sums: less of them with more processes, and on a host for a batch's gradients, too.
func TestTrainingBytesTogether(t *testing.T) {
	c := smallConfig()
	c.Train.Accumulate = 8
	m := newModel(t, c)
	dev := newCPU(t)
	sizes := []geom.Size{{W: 64, H: 64}}
	trained := 0
	for _, p := range m.Params.All() {
		if p.Kind.Learned() && !p.Frozen {
			trained += 4 * len(p.Data)
		}
	}
	alone, err := m.TrainingBytes(dev, sizes, nil)
	require.NoError(t, err)
	for n, arrays := range map[int]int{1: 3, 2: 2 + 2, 4: 2 + 1, 8: 2 + 1} { // of 8 places: three subtrees alone; else the sum, a batch, and the nodes
		g := collective.NewLocal(n, collective.Options{})[0]
		bytes, err := m.TrainingBytes(dev, sizes, g)
		require.NoError(t, err)
		require.Equal(t, alone+(arrays-3)*trained, bytes, "%d processes", n)
	}
}

// With images of many sizes, the memory of plans is bounded, and all of it is freed.
func TestMemoryOfPlans(t *testing.T) {
	processor := newCPU(t)
	dev := &counting{Device: processor}
	m := newModel(t, smallConfig())
	d := NewDetector(m, dev, Options{RoIs: 8})
	random := rand.New(rand.NewPCG(1, 2))
	var sizes [8][2]int // padded: 64x64 to 128x64 and 64x128, in the network
	for i := range sizes {
		sizes[i] = [2]int{64 + 32*(i%3), 64 + 32*(i/3)}
	}
	_, _, err := d.Detect(imaging.New(128, 64))
	require.NoError(t, err)
	largest, params := d.Bytes(), int(dev.bytes.Load())-d.Bytes()
	packed := processor.Packed()
	d.streams[0].options.PlanBytes = 3 * largest
	require.Positive(t, params)
	require.EqualValues(t, params, dev.mapped.Load(), "inference has no copy of the parameters")
	byShape := 0 // weights of 3x3 have another form, of Winograd's method, for small images
	for _, p := range m.Params.All() {
		if p.Kind == nn.Weight && len(p.Shape) == 4 && p.Shape[2] == 3 {
			byShape++
		}
	}
	for range 60 {
		s := sizes[random.IntN(len(sizes))]
		_, _, err := d.Detect(imaging.New(s[0], s[1]))
		require.NoError(t, err)
		require.LessOrEqual(t, d.Bytes(), 3*largest)
		require.Equal(t, int64(d.Bytes()+params), dev.bytes.Load(), "nothing but plans and parameters")
		require.LessOrEqual(t, processor.Packed(), packed+byShape, "plans share packed weights")
	}
	d.Close()
	require.Zero(t, dev.bytes.Load())
	require.Zero(t, processor.Packed())
	require.Zero(t, d.Bytes())
}

// Training frees all its memory, too.
func TestMemoryOfTraining(t *testing.T) {
	processor := newCPU(t)
	dev := &counting{Device: processor}
	m := newModel(t, smallConfig())
	for range 2 {
		learn(t, m, dev, squares(2), 2)
		require.Zero(t, dev.bytes.Load())
		require.Zero(t, dev.mapped.Load(), "training changes the parameters: they are its own")
		require.Zero(t, processor.Packed())
	}
}

// Batches have no more sizes than plans stay compiled.
func TestLoaderHasFewSizes(t *testing.T) {
	loader, err := newModel(t, cellConfig()).NewLoader(images(t), ref.New(ref.Options{})) // of three shapes
	require.NoError(t, err)
	defer loader.Close()
	require.LessOrEqual(t, len(loader.Sizes()), trainingPlans)
}
