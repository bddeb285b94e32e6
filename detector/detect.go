package detector

import (
	"fmt"
	"slices"
	"time"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
)

// Options of a Detector.
type Options struct {
	// Features is the type that features are computed in: engine.Float32, BFloat16 or Float16.
	Features engine.DType
	// Regions is how many regions are judged at a time: fewer take less memory, more
	// keep the device busier. The default is 64, on a GPU all of a picture up to 512.
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

// Detector runs a model. It is not safe for concurrent use.
type Detector struct {
	model   *Model
	dev     engine.Device
	store   *engine.Store
	options Options
	plans   []*sizedInference // the one used last at the end
}

type sizedInference struct {
	size batchSize
	*inference
}

// NewDetector makes a detector on a device. Until it is closed the model's
// parameters must not change: the device may read them where they are.
func NewDetector(m *Model, dev engine.Device, o Options) *Detector {
	return newDetector(m, dev, engine.NewReadOnlyStore(dev, m.Params), o)
}

// newDetector shares the parameters that a store holds.
func newDetector(m *Model, dev engine.Device, store *engine.Store, o Options) *Detector {
	if o.Plans < 1 {
		o.Plans = 4
	}
	return &Detector{model: m, dev: dev, store: store, options: o}
}

// Model is what the detector runs.
func (d *Detector) Model() *Model { return d.model }

// Close frees the compiled plans. The device stays open.
func (d *Detector) Close() {
	for _, p := range d.plans {
		p.close()
	}
	d.plans = nil
	d.store.Close()
}

// Bytes is the memory that the compiled plans take on the device, parameters
// not counted.
func (d *Detector) Bytes() (n int) {
	for _, p := range d.plans {
		n += p.bytes()
	}
	return n
}

// frame is where a picture lies in a batch: in its upper left corner at the
// resized size.
type frame struct {
	original, resized geom.Size
	settings          Settings
}

// Detect finds objects in pictures with the model's own settings: for each the
// detections by falling score, continuous boxes in its own pixels. Pictures that
// are padded to the same size go through the network together.
func (d *Detector) Detect(images ...*imaging.Image) ([][]roi.Detection, Timing, error) {
	queries := make([]Query, len(images))
	for i, im := range images {
		queries[i] = Query{im, d.model.Settings()}
	}
	return d.DetectEach(queries...)
}

// DetectEach is Detect with settings for each picture. Neighbours that are
// padded to the same size go through the network together, whatever their
// number: memory grows with it.
func (d *Detector) DetectEach(queries ...Query) (all [][]roi.Detection, t Timing, err error) {
	for len(queries) > 0 {
		size := d.paddedSize(queries[0])
		n := 1
		for n < len(queries) && d.paddedSize(queries[n]) == size {
			n++
		}
		part, pt, err := d.detectSame(queries[:n], batchSize{n, size.H, size.W})
		if err != nil {
			return nil, t, err
		}
		all, queries = append(all, part...), queries[n:]
		t.Preprocess += pt.Preprocess
		t.Inference += pt.Inference
		t.Postprocess += pt.Postprocess
	}
	return all, t, nil
}

func (d *Detector) paddedSize(q Query) geom.Size {
	return d.model.PaddedSize(geom.Size{W: q.Image.W, H: q.Image.H}, q.Settings)
}

func (d *Detector) detectSame(queries []Query, size batchSize) ([][]roi.Detection, Timing, error) {
	start := time.Now()
	c := d.model.Config.Input
	normalization := imaging.Normalization{Mean: c.Mean, Std: c.Std}
	pixels := make([]float32, size.N*size.H*size.W*3)
	frames := make([]frame, size.N)
	for i, q := range queries {
		original := geom.Size{W: q.Image.W, H: q.Image.H}
		s := q.Settings.resized(original)
		frames[i] = frame{original, s, q.Settings}
		part := pixels[i*size.H*size.W*3:]
		if err := normalization.FillResized(part, size.W*3, q.Image, s.W, s.H); err != nil {
			return nil, Timing{}, err
		}
	}
	preprocess := time.Since(start)
	all, t, err := d.run(pixels, size, frames)
	t.Preprocess = preprocess
	return all, t, err
}

// run takes a batch through the network.
func (d *Detector) run(pixels []float32, size batchSize, frames []frame) ([][]roi.Detection, Timing, error) {
	var t Timing
	p, err := d.plan(size, d.model.room(frames))
	if err != nil {
		return nil, t, err
	}
	start := time.Now()
	if err := p.propose(d.model, pixels, frames); err != nil {
		return nil, t, err
	}
	if err := p.judge(size.N); err != nil {
		return nil, t, err
	}
	judged := time.Now()
	all := make([][]roi.Detection, size.N)
	for i, f := range frames {
		found, err := p.detections(i, f)
		if err != nil {
			return nil, t, fmt.Errorf("detector: %w", err)
		}
		all[i] = d.model.inPicture(found, f)
	}
	t.Inference, t.Postprocess = judged.Sub(start), time.Since(judged)
	return all, t, nil
}

// plan finds or compiles the plans of a size that have room enough; the one unused
// longest makes room for others.
func (d *Detector) plan(size batchSize, need room) (*inference, error) {
	for i, p := range d.plans {
		if p.size != size {
			continue
		}
		d.plans = append(d.plans[:i], d.plans[i+1:]...)
		if p.room.union(need) == p.room {
			d.plans = append(d.plans, p)
			return p.inference, nil
		}
		need = need.union(p.room)
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

// inPicture brings detections from the network's pixels to the picture's own.
func (m *Model) inPicture(found []roi.Detection, f frame) []roi.Detection {
	sx := float32(f.original.W) / float32(f.resized.W)
	sy := float32(f.original.H) / float32(f.resized.H)
	for i := range found {
		box := m.outward(found[i].Box).Scale(sx, sy)
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
