package detector

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/nn"
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
