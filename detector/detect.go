package detector

import (
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
	// RoIs is the number of RoIs per run of the box head. Fewer take less memory, more use the device better. The default, for 0, is equal runs of at
	// most 64 on the CPU, 256 for fully connected layers, and all RoIs of an image, at most 512, on a GPU.
	RoIs int
	// Plans is the maximum number of padded batch sizes whose plans are kept compiled; default 4.
	Plans int
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
// place.
func NewDetector(m *Model, dev engine.Device, o Options) *Detector {
	return &Detector{newDeviceModel(m, dev, engine.NewReadOnlyStore(dev, m.Params), o)}
}

// Close waits for pending runs, then frees the compiled plans and the parameters. The device stays open.
func (d *Detector) Close() {
	d.deviceModel.close()
	d.store.Close()
}

// deviceModel runs a model whose parameters are in a store. The store's creator closes the store, after the deviceModel.
type deviceModel struct {
	model   *Model
	dev     engine.Device
	store   *engine.Store
	options Options
	plans   []*sizedInference // the most recently used last
	pending pending.Queue     // batches in the order of their start
	known   time.Time         // when the box head of the last finished batch completed
}

type sizedInference struct {
	size batchSize
	*inference
}

func newDeviceModel(m *Model, dev engine.Device, store *engine.Store, o Options) *deviceModel {
	if o.Plans < 1 {
		o.Plans = 4
	}
	return &deviceModel{model: m, dev: dev, store: store, options: o}
}

// Model returns the detector's model.
func (d *deviceModel) Model() *Model { return d.model }

// close waits for pending runs, then frees the compiled plans.
func (d *deviceModel) close() {
	d.finishAllBut(0)
	for _, p := range d.plans {
		p.close()
	}
	d.plans = nil
}

// Bytes returns the memory in bytes of the compiled plans on the device, without the parameters.
func (d *deviceModel) Bytes() (n int) {
	for _, p := range d.plans {
		n += p.bytes()
	}
	return n
}

// frame is the size of one image of a batch: as decoded, and resized. The resized image is in the upper left corner of its padded slice of the batch.
type frame struct {
	original, resized geom.Size
	settings          Settings
}

// Detect returns one list of detections per image, in descending score, with the model's own settings. Boxes are continuous and in pixels of
// the image. Consecutive images with the same padded size form one batch.
func (d *deviceModel) Detect(images ...*imaging.Image) ([][]roi.Detection, Timing, error) {
	queries := make([]Query, len(images))
	for i, im := range images {
		queries[i] = Query{im, d.model.Settings()}
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
	return d.model.PaddedSize(geom.Size{W: q.Image.W, H: q.Image.H}, q.Settings)
}

// plan returns the plans for batches of a size with at least the needed capacity, and compiles them if necessary. If Options.Plans are
// compiled already, the least recently used ones are closed.
func (d *deviceModel) plan(size batchSize, need capacity) (*inference, error) {
	for i, p := range d.plans {
		if p.size != size || (p.capacity.bytes > 0) != (need.bytes > 0) {
			continue
		}
		d.plans = append(d.plans[:i], d.plans[i+1:]...)
		if p.capacity.union(need) == p.capacity {
			d.plans = append(d.plans, p)
			return p.inference, nil
		}
		need = need.union(p.capacity)
		p.close()
		break
	}
	if len(d.plans) >= d.options.Plans {
		d.plans[0].close()
		d.plans = d.plans[1:]
	}
	p, err := d.model.compileInference(d.dev, d.store, size, need, d.options)
	if err != nil {
		return nil, err
	}
	d.plans = append(d.plans, &sizedInference{size, p})
	return p, nil
}

// part returns the i-th of n equal parts of values.
func part[T any](values []T, i, n int) []T {
	size := len(values) / n
	return values[i*size : (i+1)*size]
}

// inImage converts boxes in place: from pixels of the model input, in the model's convention, to continuous boxes in pixels of the decoded image.
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
