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
	// Regions is how many regions the second graph judges at a time; default 64.
	// Fewer take less memory, more keep the processor busier.
	Regions int
	// Plans bounds how many padded sizes stay compiled; default 4.
	Plans int
}

// Timing is where the time of a Detect went.
type Timing struct {
	Preprocess  time.Duration // resize, normalise, pad
	Inference   time.Duration // both graphs
	Postprocess time.Duration // proposals, detections
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
	if o.Regions < 1 {
		o.Regions = 64
	}
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

// run takes a batch through both graphs and what lies between and after them.
func (d *Detector) run(pixels []float32, size batchSize, frames []frame) ([][]roi.Detection, Timing, error) {
	var t Timing
	p, err := d.plan(size)
	if err != nil {
		return nil, t, err
	}
	start := time.Now()
	if err := p.propose(pixels); err != nil {
		return nil, t, err
	}
	proposed := time.Now()
	proposals, err := p.proposals(d.model, frames)
	if err != nil {
		return nil, t, err
	}
	chosen := time.Now()
	judged, err := p.judge(proposals)
	if err != nil {
		return nil, t, err
	}
	scored := time.Now()
	all := make([][]roi.Detection, size.N)
	for i, f := range frames {
		if all[i], err = d.detections(judged[i], f); err != nil {
			return nil, t, err
		}
	}
	t.Inference = proposed.Sub(start) + scored.Sub(chosen)
	t.Postprocess = chosen.Sub(proposed) + time.Since(scored)
	return all, t, nil
}

// plan finds or compiles the plans of a size; the one unused longest makes room.
func (d *Detector) plan(size batchSize) (*inference, error) {
	for i, p := range d.plans {
		if p.size == size {
			d.plans = append(append(d.plans[:i], d.plans[i+1:]...), p)
			return p.inference, nil
		}
	}
	if len(d.plans) >= d.options.Plans {
		d.plans[0].close()
		d.plans = d.plans[1:]
	}
	p, err := d.model.compileInference(d.dev, d.store, size, d.options.Regions, d.options.Features)
	if err != nil {
		return nil, err
	}
	d.plans = append(d.plans, &sizedInference{size, p})
	return p, nil
}

// propose runs the first graph and fetches the RPN's output.
func (p *inference) propose(pixels []float32) error {
	if err := p.first.Write(p.images, pixels); err != nil {
		return err
	}
	if err := p.first.RunAll(); err != nil {
		return err
	}
	if err := p.first.Read(p.objectness, p.objectnessValues); err != nil {
		return err
	}
	return p.first.Read(p.deltas, p.deltaValues)
}

// proposals chooses each image's regions.
func (p *inference) proposals(m *Model, frames []frame) ([][]geom.Box, error) {
	boxes := make([][]geom.Box, len(frames))
	for i, f := range frames {
		found, err := m.Config.RPN.Propose(p.anchors, part(p.objectnessValues, i, len(frames)), part(p.deltaValues, i, len(frames)), f.resized, f.settings.Proposals)
		if err != nil {
			return nil, err
		}
		boxes[i] = found.Boxes
	}
	return boxes, nil
}

// part is the i-th of n equal parts.
func part[T any](values []T, i, n int) []T {
	size := len(values) / n
	return values[i*size : (i+1)*size]
}

// judgement is what the second graph says of an image's regions.
type judgement struct {
	regions        []geom.Box
	logits, deltas []float32
}

// judge runs the second graph over all regions, as many at a time as it takes.
func (p *inference) judge(proposals [][]geom.Box) ([]judgement, error) {
	out := make([]judgement, len(proposals))
	var images []int
	var boxes []geom.Box
	for i, list := range proposals {
		out[i].regions = list
		for range list {
			images = append(images, i)
		}
		boxes = append(boxes, list...)
	}
	capacity := len(p.regionValues) / 5
	perLogit, perBox := len(p.logitValues)/capacity, len(p.boxesValues)/capacity
	for len(boxes) > 0 {
		n := min(capacity, len(boxes))
		fillRegions(p.regionValues, images[:n], boxes[:n])
		if err := p.second.Write(p.regions, p.regionValues); err != nil {
			return nil, err
		}
		if err := p.second.RunAll(); err != nil {
			return nil, err
		}
		if err := p.second.Read(p.logits, p.logitValues); err != nil {
			return nil, err
		}
		if err := p.second.Read(p.boxes, p.boxesValues); err != nil {
			return nil, err
		}
		for r, i := range images[:n] {
			out[i].logits = append(out[i].logits, p.logitValues[r*perLogit:(r+1)*perLogit]...)
			out[i].deltas = append(out[i].deltas, p.boxesValues[r*perBox:(r+1)*perBox]...)
		}
		images, boxes = images[n:], boxes[n:]
	}
	return out, nil
}

// detections decides on an image's boxes and brings them to its own pixels.
func (d *Detector) detections(j judgement, f frame) ([]roi.Detection, error) {
	c := d.model.Config.RoI
	c.Detections = f.settings.Detections
	found, err := c.Detect(j.regions, j.logits, j.deltas, len(d.model.Classes), f.resized)
	if err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	sx := float32(f.original.W) / float32(f.resized.W)
	sy := float32(f.original.H) / float32(f.resized.H)
	for i := range found {
		box := d.model.outward(found[i].Box).Scale(sx, sy)
		found[i].Box = geom.Continuous.Clip(box, f.original) // rounding may have brought it out
	}
	return found, nil
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
