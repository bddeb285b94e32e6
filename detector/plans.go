package detector

import (
	"fmt"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
)

// batchSize is the size of a padded batch: images, height, width.
type batchSize struct{ N, H, W int }

// capacity is the number of proposals and detections per image, and the bytes of decoded images of a batch, that a plan has memory for. bytes
// is 0 if the host preprocesses.
type capacity struct{ proposals, detections, bytes int }

// capacity is what images with these settings need, at least what the model's own settings need. Doubling keeps the number of plans small
// when requests ask for more and more detections.
func (m *Model) capacity(frames []frame, bytes int) capacity {
	own := m.Settings()
	r := capacity{own.Proposals.AfterNMS, own.Detections.PerImage, byteCapacity(bytes)}
	for _, f := range frames {
		r.proposals = max(r.proposals, f.settings.Proposals.AfterNMS)
	}
	most := r.proposals * len(m.Classes)
	for _, f := range frames {
		for r.detections < min(f.settings.Detections.PerImage, most) {
			r.detections *= 2
		}
	}
	return r
}

func (r capacity) union(o capacity) capacity {
	return capacity{max(r.proposals, o.proposals), max(r.detections, o.detections), max(r.bytes, o.bytes)}
}

// inference is a model compiled for batches of one size: the first graph and the box head.
type inference struct {
	capacity capacity
	plan     *engine.Plan
	proposing
	boxHead
}

// boxHead scores the regions of the first graph and makes detections of them.
type boxHead interface {
	// writeLimits sets the limits of detections, if the first graph takes them, before it runs.
	writeLimits(frames []frame) error
	// score begins with what remains to be done after the first graph has run.
	score(images int) (scored, error)
	bytes() int
	close()
}

func (m *Model) compileInference(dev engine.Device, store *engine.Store, size batchSize, need capacity, o Options) (p *inference, err error) {
	p = &inference{capacity: need}
	defer func() {
		if err != nil {
			p.close()
			p, err = nil, fmt.Errorf("detector: batch of %d at %dx%d: %w", size.N, size.W, size.H, err)
		}
	}()
	if dev.Capabilities().WholeGraph {
		err = m.compileWhole(p, dev, store, size, o)
	} else {
		err = m.compileParts(p, dev, store, size, o)
	}
	if err != nil {
		return p, err
	}
	return p, p.writeAnchors(p.plan, m)
}

// propose runs the first graph, and all that the device does without the host.
func (p *inference) propose(m *Model, in input, frames []frame) error {
	if err := p.write(p.plan, in); err != nil {
		return err
	}
	var limits []float32
	for _, f := range frames {
		limits = append(limits, m.Config.RPN.Proposals.Limits(f.resized, f.settings.Proposals).Row()...)
	}
	if err := p.plan.Write(p.limits, limits); err != nil {
		return err
	}
	if err := p.writeLimits(frames); err != nil {
		return err
	}
	return p.plan.RunAll()
}

func (p *inference) close() {
	if p.boxHead != nil {
		p.boxHead.close()
	}
	if p.plan != nil {
		p.plan.Close()
	}
}

// bytes is the memory of all plans.
func (p *inference) bytes() int { return p.plan.Bytes() + p.boxHead.bytes() }

// writeAnchors sets the anchors of a feature map, which stay as they are.
func (p *proposing) writeAnchors(plan *engine.Plan, m *Model) error {
	s := p.features.Shape()
	return plan.Write(p.anchors, geom.Rows(m.Config.RPN.Anchors.Grid(s[1], s[2])))
}

// compileWhole compiles the network as one graph.
func (m *Model) compileWhole(p *inference, dev engine.Device, store *engine.Store, size batchSize, o Options) (err error) {
	var g *nn.Graph
	w := &whole{}
	if err := nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		w.limits = g.Input("detections.limits", size.N, nn.Limits)
		p.proposing, w.found = m.detect(g, size, w.limits, p.capacity, o.Regions)
	}); err != nil {
		return err
	}
	if p.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{p.images}, {w.found}}, Features: o.Features, Native: p.made(),
	}); err != nil {
		return err
	}
	w.model, w.plan = m, p.plan
	p.boxHead = w
	return nil
}

// whole is for a device that goes from images to detections on its own: the
// first graph has all.
type whole struct {
	model         *Model
	plan          *engine.Plan
	limits, found *nn.Node
}

func (w *whole) writeLimits(frames []frame) error {
	var limits []float32
	for _, f := range frames {
		limits = append(limits, f.settings.Detections.Limits(f.resized).Row()...)
	}
	return w.plan.Write(w.limits, limits)
}

func (w *whole) score(images int) (scored, error) {
	rows := make([]float32, w.found.Shape().TotalSize())
	wait, err := w.plan.Fetch(w.found, rows)
	return scored{wait, func(i int, _ frame) ([]roi.Detection, error) { return nn.DetectionsOf(part(rows, i, images)), nil }}, err
}

func (w *whole) bytes() int { return 0 }
func (w *whole) close()     {}
