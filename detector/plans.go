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

// capacity is the number of proposals and detections per image, and of bytes of decoded images per batch, that a plan has memory for. bytes
// is 0 if the host preprocesses.
type capacity struct{ proposals, detections, bytes int }

// capacity returns the capacity for images with these settings, at least that for the model's own settings. Detections are doubled until they
// suffice, so that requests for more and more detections need few plans.
func (m *Model) capacity(frames []frame, bytes int) capacity {
	own := m.Settings()
	r := capacity{own.Proposals.AfterNMS, own.Detections.PerImage, byteCapacity(bytes)}
	for _, f := range frames {
		r.proposals = max(r.proposals, f.settings.Proposals.AfterNMS)
	}
	limit := r.proposals * len(m.Classes)
	for _, f := range frames {
		for r.detections < min(f.settings.Detections.PerImage, limit) {
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

// boxHead scores the proposals of the first graph and post-processes its scores and deltas to detections.
type boxHead interface {
	// writeLimits sets the post-processing parameters per image before the first graph runs, if that graph includes post-processing.
	writeLimits(frames []frame) error
	// score runs the box head after the first graph, or starts reading its output.
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
		err = m.compileOneGraph(p, dev, store, size, o)
	} else {
		err = m.compileTwoGraphs(p, dev, store, size, o)
	}
	if err != nil {
		return p, err
	}
	return p, p.writeAnchors(p.plan, m.anchors(p.proposing, geom.Size{W: size.W, H: size.H}))
}

// propose writes the inputs of the first graph and runs it.
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

// bytes returns the memory of all plans.
func (p *inference) bytes() int { return p.plan.Bytes() + p.boxHead.bytes() }

// writeAnchors sets the anchors of each level, once per plan.
func (p *proposing) writeAnchors(plan *engine.Plan, levels [][]geom.Box) error {
	for i, anchors := range levels {
		if err := plan.Write(p.anchors[i], geom.Rows(anchors)); err != nil {
			return err
		}
	}
	return nil
}

// compileOneGraph compiles the network as one graph.
func (m *Model) compileOneGraph(p *inference, dev engine.Device, store *engine.Store, size batchSize, o Options) (err error) {
	var g *nn.Graph
	w := &oneGraph{}
	if err := nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		w.limits = g.Input("detections.limits", size.N, nn.Limits)
		p.proposing, w.found = m.detect(g, size, w.limits, p.capacity, o.RoIs)
	}); err != nil {
		return err
	}
	if p.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{p.images}, {w.found}}, Features: o.Features, Quantization: o.Quantization, Observe: o.Observe, LayerError: o.LayerError, Native: p.preprocessed(),
	}); err != nil {
		return err
	}
	w.model, w.plan = m, p.plan
	p.boxHead = w
	return nil
}

// whole is for a device that goes from images to detections on its own: the
// first graph has all.
type oneGraph struct {
	model         *Model
	plan          *engine.Plan
	limits, found *nn.Node
}

func (w *oneGraph) writeLimits(frames []frame) error {
	var limits []float32
	for _, f := range frames {
		limits = append(limits, w.model.detectionConfig(f).Limits(f.resized).Row()...)
	}
	return w.plan.Write(w.limits, limits)
}

func (w *oneGraph) score(images int) (scored, error) {
	rows := make([]float32, w.found.Shape().TotalSize())
	wait, err := w.plan.Fetch(w.found, rows)
	return scored{wait, func(i int, _ frame) ([]roi.Detection, error) { return nn.DetectionsOf(part(rows, i, images)), nil }}, err
}

func (w *oneGraph) bytes() int { return 0 }
func (w *oneGraph) close()     {}
