package detector

import (
	"fmt"
	"math"
	"slices"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
)

// stageRoIs is the most RoIs per run of the box head on the CPU where it is a stage of the network.
const stageRoIs = 64

// roisAtATime returns the number of RoIs per run of the box head on the CPU: n RoIs in equal runs, of which a stage of the network takes at most stageRoIs, because
// their features then stay in the cache, and fully connected layers 256, because each run reads their weights, of tens of MB.
func (m *Model) roisAtATime(n int) int {
	most := stageRoIs
	if m.Config.RoI.BoxHead != nil {
		most = 256
	}
	runs := max((n+most-1)/most, 1)
	return max((n+runs-1)/runs, 1)
}

// compileTwoGraphs compiles the network as two graphs. The second one takes a fixed
// number of regions; more of them go through it in turn, and none where there are
// none.
func (m *Model) compileTwoGraphs(p *inference, dev engine.Device, store *engine.Store, size batchSize, o Options) (err error) {
	var g *nn.Graph
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		p.proposing = m.proposing(g, size, p.capacity.proposals, p.capacity.bytes)
	}); err != nil {
		return err
	}
	if p.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{append(slices.Clone(p.features), p.proposals)},
		Features: o.Features, Quantization: o.Quantization, Observe: o.Observe, LayerError: o.LayerError, Native: p.features, Images: 1,
	}); err != nil {
		return err
	}
	p.capacity.detections = math.MaxInt // post-processing in Go has no fixed capacity
	head := &twoGraphs{model: m, first: p.plan, proposed: p.proposals}
	p.boxHead = head
	if o.RoIs < 1 {
		o.RoIs = m.roisAtATime(p.proposals.Shape()[0])
	}
	var shared []*nn.Node
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		shared = sharedFeatures(g, p.features)
		head.rois = g.Input("regions", o.RoIs, 5)
		head.logits, head.boxes = m.boxHead(g, shared, head.rois)
	}); err != nil {
		return err
	}
	if head.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{head.logits, head.boxes}},
		Features: o.Features, Quantization: o.Quantization, Observe: o.Observe, LayerError: o.LayerError, Native: shared, Shared: p.tensors(p.plan, shared), Images: stageRoIs,
	}); err != nil {
		return err
	}
	values := func(n *nn.Node) []float32 { return make([]float32, n.Shape().TotalSize()) }
	head.proposedRows, head.rows = values(p.proposals), values(head.rois)
	head.logitValues, head.boxValues = values(head.logits), values(head.boxes)
	return nil
}

// sharedFeatures adds inputs for the features of another graph.
func sharedFeatures(g *nn.Graph, features []*nn.Node) (shared []*nn.Node) {
	for i, f := range features {
		shared = append(shared, g.Features(fmt.Sprintf("features.%d", i), f.Shape()...))
	}
	return shared
}

// tensors returns the memory of the features, by the inputs of another graph that share it.
func (p *proposing) tensors(plan *engine.Plan, shared []*nn.Node) map[*nn.Node]engine.Tensor {
	memory := map[*nn.Node]engine.Tensor{}
	for i, s := range shared {
		memory[s], _ = plan.Tensor(p.features[i])
	}
	return memory
}

// twoGraphs is a boxHead that runs the second graph for parts of the regions, and post-processes its output in Go.
type twoGraphs struct {
	model               *Model
	first, plan         *engine.Plan
	proposed            *nn.Node // by the first graph
	rois, logits, boxes *nn.Node

	// The values of proposed, rois, logits and boxes, allocated once.
	proposedRows, rows, logitValues, boxValues []float32
}

// boxHeadOutput is the output of the second graph for the RoIs of one image.
type boxHeadOutput struct {
	rois           []geom.Box
	logits, deltas []float32
}

func (p *twoGraphs) writeLimits([]frame) error { return nil }

// score runs the second graph on all proposals, len(p.rows)/5 at a time.
func (p *twoGraphs) score(images int) (scored, error) {
	if err := p.first.Read(p.proposed, p.proposedRows); err != nil {
		return scored{}, err
	}
	all := make([]boxHeadOutput, images)
	var rows []float32
	for i := range all {
		of := part(p.proposedRows, i, images)
		all[i].rois = nn.RoIBoxes(of)
		rows = append(rows, of[:5*len(all[i].rois)]...)
	}
	for len(rows) > 0 {
		n := copy(p.rows, rows)
		nn.FillRoIs(p.rows[n:], nn.NoImage, nil)
		if err := p.scorePart(n/5, all); err != nil {
			return scored{}, err
		}
		rows = rows[n:]
	}
	return scored{detections: func(i int, f frame) ([]roi.Detection, error) {
		c := p.model.Config.RoI
		c.Detections = p.model.detectionConfig(f)
		return c.Detect(all[i].rois, all[i].logits, all[i].deltas, len(p.model.Classes), f.resized)
	}}, nil
}

// scorePart runs the second graph on p.rows, of which the first n are RoIs and the others padding, and appends its output to that of the RoIs' images.
func (p *twoGraphs) scorePart(n int, all []boxHeadOutput) error {
	if err := p.plan.Write(p.rois, p.rows); err != nil {
		return err
	}
	if err := p.plan.RunAll(); err != nil {
		return err
	}
	if err := p.plan.Read(p.logits, p.logitValues); err != nil {
		return err
	}
	if err := p.plan.Read(p.boxes, p.boxValues); err != nil {
		return err
	}
	capacity := len(p.rows) / 5
	for r := range n {
		of := &all[int(p.rows[5*r])]
		of.logits = append(of.logits, part(p.logitValues, r, capacity)...)
		of.deltas = append(of.deltas, part(p.boxValues, r, capacity)...)
	}
	return nil
}

func (p *twoGraphs) bytes() int { return p.plan.Bytes() }

func (p *twoGraphs) close() {
	if p.plan != nil {
		p.plan.Close()
	}
}
