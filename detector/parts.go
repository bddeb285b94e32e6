package detector

import (
	"math"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
)

// regionsAtATime is the number of RoIs that go through the box head at a time on the CPU: their features stay in its cache.
const regionsAtATime = 64

// compileParts compiles the network as two graphs. The second one takes a fixed
// number of regions; more of them go through it in turn, and none where there are
// none.
func (m *Model) compileParts(p *inference, dev engine.Device, store *engine.Store, size batchSize, o Options) (err error) {
	var g *nn.Graph
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		p.proposing = m.proposing(g, size, p.capacity.proposals, p.capacity.bytes)
	}); err != nil {
		return err
	}
	if p.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{p.features, p.regions}},
		Features: o.Features, Native: []*nn.Node{p.features},
	}); err != nil {
		return err
	}
	p.capacity.detections = math.MaxInt // Go takes any number
	head := &parts{model: m, first: p.plan, proposed: p.regions}
	p.boxHead = head
	if o.Regions < 1 {
		o.Regions = regionsAtATime
	}
	var shared *nn.Node
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		shared = g.Features("features", p.features.Shape()...)
		head.regions = g.Input("regions", o.Regions, 5)
		head.logits, head.boxes = m.boxHead(g, shared, head.regions)
	}); err != nil {
		return err
	}
	memory, _ := p.plan.Tensor(p.features)
	if head.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{head.logits, head.boxes}},
		Features: o.Features, Native: []*nn.Node{shared}, Shared: map[*nn.Node]engine.Tensor{shared: memory},
	}); err != nil {
		return err
	}
	values := func(n *nn.Node) []float32 { return make([]float32, n.Shape().TotalSize()) }
	head.proposedRows, head.rows = values(p.regions), values(head.regions)
	head.logitValues, head.boxValues = values(head.logits), values(head.boxes)
	return nil
}

// parts is a boxHead that runs the second graph for parts of the regions, and post-processes its output in Go.
type parts struct {
	model                  *Model
	first, plan            *engine.Plan
	proposed               *nn.Node // by the first graph
	regions, logits, boxes *nn.Node

	// What is read after a run, allocated once.
	proposedRows, rows, logitValues, boxValues []float32
}

// boxHeadOutput is the output of the second graph for the regions of one image.
type boxHeadOutput struct {
	regions        []geom.Box
	logits, deltas []float32
}

func (p *parts) writeLimits([]frame) error { return nil }

// score runs the second graph over all regions, as many at a time as it takes.
func (p *parts) score(images int) (scored, error) {
	if err := p.first.Read(p.proposed, p.proposedRows); err != nil {
		return scored{}, err
	}
	all := make([]boxHeadOutput, images)
	var rows []float32
	for i := range all {
		of := part(p.proposedRows, i, images)
		all[i].regions = nn.RegionsOf(of)
		rows = append(rows, of[:5*len(all[i].regions)]...)
	}
	for len(rows) > 0 {
		n := copy(p.rows, rows)
		nn.FillRegions(p.rows[n:], nn.NoImage, nil)
		if err := p.scorePart(n/5, all); err != nil {
			return scored{}, err
		}
		rows = rows[n:]
	}
	return scored{detections: func(i int, f frame) ([]roi.Detection, error) {
		c := p.model.Config.RoI
		c.Detections = f.settings.Detections
		return c.Detect(all[i].regions, all[i].logits, all[i].deltas, len(p.model.Classes), f.resized)
	}}, nil
}

// scorePart runs the second graph over the first n of its rows of regions, and appends its output to that of their images.
func (p *parts) scorePart(n int, all []boxHeadOutput) error {
	if err := p.plan.Write(p.regions, p.rows); err != nil {
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

func (p *parts) bytes() int { return p.plan.Bytes() }

func (p *parts) close() {
	if p.plan != nil {
		p.plan.Close()
	}
}
