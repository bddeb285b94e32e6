package detector

import (
	"math"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
)

// regionsAtATime is how many regions a processor judges best: their features
// stay in its cache.
const regionsAtATime = 64

// compileParts compiles the network as two graphs. The second one takes a fixed
// number of regions; more of them go through it in turn, and none where there are
// none.
func (m *Model) compileParts(p *inference, dev engine.Device, store *engine.Store, size batchSize, o Options) (err error) {
	var g *nn.Graph
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		p.proposing = m.proposing(g, size, p.room.proposals, p.room.bytes)
	}); err != nil {
		return err
	}
	if p.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{p.features, p.regions}},
		Features: o.Features, Native: []*nn.Node{p.features},
	}); err != nil {
		return err
	}
	p.room.detections = math.MaxInt // Go has room for any number
	j := &parts{model: m, first: p.plan, proposed: p.regions}
	p.judging = j
	if o.Regions < 1 {
		o.Regions = regionsAtATime
	}
	var shared *nn.Node
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		shared = g.Features("features", p.features.Shape()...)
		j.regions = g.Input("regions", o.Regions, 5)
		j.logits, j.boxes = m.judge(g, shared, j.regions)
	}); err != nil {
		return err
	}
	memory, _ := p.plan.Tensor(p.features)
	if j.plan, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{j.logits, j.boxes}},
		Features: o.Features, Native: []*nn.Node{shared}, Shared: map[*nn.Node]engine.Tensor{shared: memory},
	}); err != nil {
		return err
	}
	for values, n := range map[*[]float32]*nn.Node{
		&j.proposedRows: p.regions, &j.rows: j.regions, &j.logitValues: j.logits, &j.boxValues: j.boxes,
	} {
		*values = make([]float32, n.Shape().TotalSize())
	}
	return nil
}

// parts runs the second graph for parts of the regions and decides in Go.
type parts struct {
	model                  *Model
	first, plan            *engine.Plan
	proposed               *nn.Node // by the first graph
	regions, logits, boxes *nn.Node

	// What is read after a run, allocated once.
	proposedRows, rows, logitValues, boxValues []float32
}

// judgement is what the second graph says of an image's regions.
type judgement struct {
	regions        []geom.Box
	logits, deltas []float32
}

func (j *parts) ask([]frame) error { return nil }

// judge runs the second graph over all regions, as many at a time as it takes.
func (j *parts) judge(images int) (judged, error) {
	if err := j.first.Read(j.proposed, j.proposedRows); err != nil {
		return judged{}, err
	}
	all := make([]judgement, images)
	var rows []float32
	for i := range all {
		of := part(j.proposedRows, i, images)
		all[i].regions = nn.RegionsOf(of)
		rows = append(rows, of[:5*len(all[i].regions)]...)
	}
	for len(rows) > 0 {
		n := copy(j.rows, rows)
		nn.FillRegions(j.rows[n:], nn.NoImage, nil)
		if err := j.judgePart(n/5, all); err != nil {
			return judged{}, err
		}
		rows = rows[n:]
	}
	return judged{detections: func(i int, f frame) ([]roi.Detection, error) {
		c := j.model.Config.RoI
		c.Detections = f.settings.Detections
		return c.Detect(all[i].regions, all[i].logits, all[i].deltas, len(j.model.Classes), f.resized)
	}}, nil
}

// judgePart runs the second graph over the regions in its rows, of which n are some, and adds what it says to their images.
func (j *parts) judgePart(n int, all []judgement) error {
	if err := j.plan.Write(j.regions, j.rows); err != nil {
		return err
	}
	if err := j.plan.RunAll(); err != nil {
		return err
	}
	if err := j.plan.Read(j.logits, j.logitValues); err != nil {
		return err
	}
	if err := j.plan.Read(j.boxes, j.boxValues); err != nil {
		return err
	}
	capacity := len(j.rows) / 5
	for r := range n {
		of := &all[int(j.rows[5*r])]
		of.logits = append(of.logits, part(j.logitValues, r, capacity)...)
		of.deltas = append(of.deltas, part(j.boxValues, r, capacity)...)
	}
	return nil
}

func (j *parts) bytes() int { return j.plan.Bytes() }

func (j *parts) close() {
	if j.plan != nil {
		j.plan.Close()
	}
}
