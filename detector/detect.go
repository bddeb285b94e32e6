package detector

import (
	"slices"
	"time"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/pending"
	"scalenet/roi"
)

// Options of a Detector.
type Options struct {
	// Features is the data type of activations: engine.Float32 (default), BFloat16 or Float16.
	Features engine.DType
	// Quantization makes a float32 detector compute on bytes, see engine.Spec; nil is for none. It is the model's own, or one to be tried.
	Quantization *engine.Quantization
	// Observe sees the values of the network, see engine.Spec; nil is for none.
	Observe func(name string, values []float32)
	// LayerError sees the errors of layers of the Quantization, see engine.Spec; nil is for none.
	LayerError engine.LayerError
	// RoIs is the number of RoIs per run of the box head. Fewer take less memory, more use the device better. The default, for 0, is equal runs of at
	// most 64 on the CPU, 256 for fully connected layers, and all RoIs of an image, at most 512, on a GPU.
	RoIs int
	// PlanBytes is the memory in bytes above which the least recently used plans are closed. Each padded batch size has a plan. The last one is
	// kept whatever its size. The default, for 0, is 1 GiB. Several devices have equal parts.
	PlanBytes int
}

// Timing is the time of a Detect call by phase.
type Timing struct {
	Preprocess  time.Duration // resize, normalise, pad
	Inference   time.Duration // the network; on a GPU including post-processing
	Postprocess time.Duration // score threshold, box decoding, NMS, top k
}

// Detector runs a model. It owns the parameters' memory on the device. It is not safe for concurrent use.
type Detector struct{ *deviceModel }

// NewDetector returns a detector that runs m on dev. The model's parameters must not change before Close, because the device may read them in
// place. It panics if m or dev is nil.
func NewDetector(m *Model, dev engine.Device, o Options) *Detector {
	return NewParallelDetector(m, []engine.Device{dev}, o)
}

// NewParallelDetector returns a detector that computes a batch on each of several synchronous devices at once. For many images, small networks
// are faster on two devices of one thread than on one of two threads, because threads wait for each other at every layer. Each device has its
// own plans and packed weights. It panics if m is nil, or if a device is nil or there is none.
func NewParallelDetector(m *Model, devices []engine.Device, o Options) *Detector {
	switch {
	case m == nil:
		panic("detector: NewDetector: the model is nil")
	case len(devices) == 0:
		panic("detector: NewParallelDetector: there are no devices")
	case slices.Contains(devices, nil):
		panic("detector: NewDetector: the device is nil")
	}
	streams := make([]*stream, len(devices))
	for i, dev := range devices {
		streams[i] = &stream{dev: dev, store: engine.NewReadOnlyStore(dev, m.Params)}
	}
	return &Detector{newDeviceModel(m, o, streams...)}
}

// BytesWeights returns the weights that all plans so far have read as bytes, see [engine.Store.BytesWeights].
func (d *Detector) BytesWeights() map[string][]int { return d.streams[0].store.BytesWeights() }

// Close waits for pending runs, then frees the compiled plans and the parameters. The devices stay open. Detections that are started later are errors.
func (d *Detector) Close() {
	d.deviceModel.close()
	for _, s := range d.streams {
		s.store.Close()
	}
}

// deviceModel runs a model on one or more devices. The creator of their stores closes these, after the deviceModel.
type deviceModel struct {
	model   *Model
	options Options
	streams []*stream
	next    int           // stream of the next batch
	pending pending.Queue // batches in the order of their start
	closed  bool
}

func newDeviceModel(m *Model, o Options, streams ...*stream) *deviceModel {
	if o.PlanBytes < 1 {
		o.PlanBytes = 1 << 30
	}
	each := o
	each.PlanBytes /= len(streams)
	for _, s := range streams {
		s.model, s.options = m, each
	}
	return &deviceModel{model: m, options: o, streams: streams}
}

// Model returns the detector's model.
func (d *deviceModel) Model() *Model { return d.model }

// close waits for pending runs, then frees the compiled plans.
func (d *deviceModel) close() {
	d.finishAllBut(0)
	d.closed = true
	for _, s := range d.streams {
		s.close()
	}
}

// Bytes returns the memory in bytes of the compiled plans on the devices, without the parameters.
func (d *deviceModel) Bytes() (n int) {
	for _, s := range d.streams {
		n += s.bytes()
	}
	return n
}

// frame is the size of one image of a batch: of the whole image, and resized. The resized image is in the upper left corner of its padded slice of the batch.
type frame struct {
	original, resized geom.Size
	settings          Settings
}

// Detect returns one list of detections per image, in descending score, with the model's own settings. Boxes are continuous and in pixels of
// the image. Consecutive images with the same padded size form one batch. An image that is nil, or whose Pix does not have all pixels, is an error.
func (d *deviceModel) Detect(images ...*imaging.Image) ([][]roi.Detection, Timing, error) {
	queries := make([]Query, len(images))
	for i, im := range images {
		queries[i] = Query{Image: im, Settings: d.model.Settings()}
	}
	return d.DetectEach(queries...)
}

// DetectEach is Detect with settings per image. Batches have no maximum size, so the memory grows with the number of consecutive images of
// the same padded size.
func (d *deviceModel) DetectEach(queries ...Query) ([][]roi.Detection, Timing, error) {
	r, err := d.Start(queries...)
	if err != nil {
		return nil, Timing{}, err
	}
	return r.Wait()
}

func (d *deviceModel) paddedSize(q Query) geom.Size {
	return d.model.PaddedSize(q.Size(), q.Settings)
}

// part returns the i-th of n equal parts of values.
func part[T any](values []T, i, n int) []T {
	size := len(values) / n
	return values[i*size : (i+1)*size]
}

// inImage converts boxes in place: from pixels of the model input, in the model's convention, to continuous boxes in pixels of the whole image.
func (m *Model) inImage(found []roi.Detection, f frame) []roi.Detection {
	sx := float32(f.original.W) / float32(f.resized.W)
	sy := float32(f.original.H) / float32(f.resized.H)
	if m.factor(f.original, f.settings) > 0 {
		sx, sy = 1, 1 // the boxes were divided
	}
	for i := range found {
		box := m.toContinuous(found[i].Box).Scale(sx, sy)
		found[i].Box = geom.Continuous.Clip(box, f.original) // rounding may put a corner outside
	}
	return found
}
