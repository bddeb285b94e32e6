package detector

import (
	"fmt"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
)

// batchSize is the size of a padded batch: images, height, width.
type batchSize struct{ N, H, W int }

// inference is the two graphs compiled for batches of one size. The second one
// takes a fixed number of regions; more of them go through it in turn.
type inference struct {
	first                      *engine.Plan
	images, objectness, deltas *nn.Node
	second                     *engine.Plan
	regions, logits, boxes     *nn.Node
	anchors                    []geom.Box

	// What is read after a run, allocated once.
	objectnessValues, deltaValues          []float32
	regionValues, logitValues, boxesValues []float32
}

func (m *Model) compileInference(dev engine.Device, store *engine.Store, size batchSize, regions int, typ engine.DType) (p *inference, err error) {
	p = &inference{}
	defer func() {
		if err != nil {
			p.close()
			err = engine.Advise(err, "smaller pictures (--size), batches (--batch of serve) and fewer compiled sizes (--plans of serve)")
			p, err = nil, fmt.Errorf("detector: batch of %d at %dx%d: %w", size.N, size.W, size.H, err)
		}
	}()
	var g *nn.Graph
	var features *nn.Node
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		p.images = g.Input("images", size.N, size.H, size.W, 3)
		features, p.objectness, p.deltas = m.propose(g, p.images)
	}); err != nil {
		return p, err
	}
	if p.first, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{features, p.objectness, p.deltas}},
		Features: typ, Native: []*nn.Node{features},
	}); err != nil {
		return p, err
	}
	var shared *nn.Node
	if err = nn.Build(func() {
		g = nn.NewGraph(m.Params, false)
		shared = g.Input("features", features.Shape()...)
		p.regions = g.Input("regions", regions, 5)
		p.logits, p.boxes = m.judge(g, shared, p.regions)
	}); err != nil {
		return p, err
	}
	memory, _ := p.first.Tensor(features)
	if p.second, err = engine.Compile(dev, store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{p.logits, p.boxes}},
		Features: typ, Native: []*nn.Node{shared}, Shared: map[*nn.Node]engine.Tensor{shared: memory},
	}); err != nil {
		return p, err
	}
	p.anchors = m.Config.RPN.Anchors.Grid(features.Shape()[1], features.Shape()[2])
	for values, n := range map[*[]float32]*nn.Node{
		&p.objectnessValues: p.objectness, &p.deltaValues: p.deltas,
		&p.regionValues: p.regions, &p.logitValues: p.logits, &p.boxesValues: p.boxes,
	} {
		*values = make([]float32, n.Shape().TotalSize())
	}
	return p, nil
}

func (p *inference) close() {
	for _, plan := range []*engine.Plan{p.second, p.first} {
		if plan != nil {
			plan.Close()
		}
	}
}

// bytes is the memory of both plans.
func (p *inference) bytes() int { return p.first.Bytes() + p.second.Bytes() }

// noRegion is the image index of rows that fill up the second graph.
const noRegion = -1

// fillRegions writes boxes, all of one image each, as rows of the second
// graph's input and marks the rows left over.
func fillRegions(rows []float32, images []int, boxes []geom.Box) {
	for i := range len(rows) / 5 {
		row := rows[5*i : 5*i+5]
		if i >= len(boxes) {
			clear(row)
			row[0] = noRegion
			continue
		}
		b := boxes[i]
		row[0], row[1], row[2], row[3], row[4] = float32(images[i]), b.X1, b.Y1, b.X2, b.Y2
	}
}
