package detector

import (
	"fmt"
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
	// Features is the type that features are computed in: engine.Float32, BFloat16 or Float16.
	Features engine.DType
	// Regions is the number of RoIs that go through the box head at a time. Fewer take less memory, more keep the device
	// busier. The default is 64, on a GPU all RoIs of an image up to 512.
	Regions int
	// Plans bounds how many padded sizes stay compiled; default 4.
	Plans int
}

// Timing is where the time of a Detect went.
type Timing struct {
	Preprocess  time.Duration // resize, normalise, pad
	Inference   time.Duration // the network; on a GPU all that follows, too
	Postprocess time.Duration // detections
}

// Detector runs a model. It owns the memory that the parameters take on the device. It is not safe for concurrent use.
type Detector struct{ *deviceModel }

// NewDetector makes a detector on a device. Until it is closed the model's
// parameters must not change: the device may read them where they are.
func NewDetector(m *Model, dev engine.Device, o Options) *Detector {
	return &Detector{newDeviceModel(m, dev, engine.NewReadOnlyStore(dev, m.Params), o)}
}

// Close waits for runs that were started, and frees the compiled plans and the parameters. The device stays open.
func (d *Detector) Close() {
	d.deviceModel.close()
	d.store.Close()
}

// deviceModel runs a model whose parameters are in a store. The store belongs to whoever made it, and is closed after the deviceModel.
type deviceModel struct {
	model   *Model
	dev     engine.Device
	store   *engine.Store
	options Options
	plans   []*sizedInference // the one used last at the end
	pending pending.Queue     // batches in the order of their start
	known   time.Time         // when the outcome of the last finished batch was known
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

// Model is what the detector runs.
func (d *deviceModel) Model() *Model { return d.model }

// close waits for runs that were started, and frees the compiled plans.
func (d *deviceModel) close() {
	d.finishAllBut(0)
	for _, p := range d.plans {
		p.close()
	}
	d.plans = nil
}

// Bytes is the memory that the compiled plans take on the device, parameters
// not counted.
func (d *deviceModel) Bytes() (n int) {
	for _, p := range d.plans {
		n += p.bytes()
	}
	return n
}

// frame is where an image lies in a batch: in its upper left corner at the
// resized size.
type frame struct {
	original, resized geom.Size
	settings          Settings
}

// Detect finds objects in images with the model's own settings: for each the
// detections by falling score, continuous boxes in its own pixels. Images that
// are padded to the same size go through the network together.
func (d *deviceModel) Detect(images ...*imaging.Image) ([][]roi.Detection, Timing, error) {
	queries := make([]Query, len(images))
	for i, im := range images {
		queries[i] = Query{im, d.model.Settings()}
	}
	return d.DetectEach(queries...)
}

// DetectEach is Detect with settings for each image. Neighbours that are
// padded to the same size go through the network together, whatever their
// number: memory grows with it.
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

// plan finds or compiles the plans of a size with enough capacity; the least recently used
// longest is closed to make room.
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

// part is the i-th of n equal parts.
func part[T any](values []T, i, n int) []T {
	size := len(values) / n
	return values[i*size : (i+1)*size]
}

// inImage brings detections from the network's pixels to the image's own.
func (m *Model) inImage(found []roi.Detection, f frame) []roi.Detection {
	sx := float32(f.original.W) / float32(f.resized.W)
	sy := float32(f.original.H) / float32(f.resized.H)
	for i := range found {
		box := m.toContinuous(found[i].Box).Scale(sx, sy)
		found[i].Box = geom.Continuous.Clip(box, f.original) // rounding may have brought it out
	}
	return found
}

// Annotations are detections to draw: the class and the score in each box's
// text, the best on top.
func Annotations(found []roi.Detection, classes []string) []imaging.Annotation {
	var boxes []imaging.Annotation
	for _, d := range slices.Backward(found) {
		boxes = append(boxes, imaging.Annotation{Box: d.Box, Text: fmt.Sprintf("%s %.2f", classes[d.Class-1], d.Score), Class: int(d.Class)})
	}
	return boxes
}
