package detector

import (
	"context"
	"fmt"
	"slices"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/train"
)

// training holds the two graphs, forward and backward, compiled for one batch size. The first graph has the stages preprocessing; forward; and, after
// the second graph has computed the gradient with respect to the features, the RPN's losses and the backward pass, one stage per part of its gradients.
type training struct {
	size  batchSize
	bytes int // capacity for decoded images; 0 if the host preprocesses
	dev   engine.Device
	grid  []geom.Box // the anchors of all levels
	cells []int      // the number of anchors of each level

	first *engine.Plan
	proposing
	rpnLabels, rpnBoxes, rpnWeights *nn.Node
	rpnScoreLoss, rpnBoxLoss        *nn.Node
	featureGradients                []*nn.Node // inputs of the first graph, one per level

	second                       *engine.Plan
	rois, labels, boxes, weights *nn.Node
	scoreLoss, boxLoss           *nn.Node
	trainsFeatures               bool       // false if every parameter before the features is frozen
	toFeatures                   []*nn.Node // the gradients with respect to the features, outputs of the second graph

	upstream  []*nn.Node // upstream gradients, one per loss
	gradients train.StepGradients
	targets   targets
}

// compileTraining compiles a training step. bytes is the capacity for decoded images, 0 if the host preprocesses.
func (m *Model) compileTraining(dev engine.Device, store *engine.Store, size batchSize, bytes int, parts [][]*nn.Param) (t *training, err error) {
	t = &training{size: size, bytes: bytes, dev: dev}
	defer func() {
		if err != nil {
			t.close()
			err = engine.Advise(err, "a smaller batch and smaller images (input.shorter, input.longest)")
			t, err = nil, fmt.Errorf("detector: training on %d images of %dx%d: %w", size.N, size.W, size.H, err)
		}
	}()
	first, firstGrads, err := m.firstSpec(t, parts)
	if err != nil {
		return t, err
	}
	if t.first, err = engine.Compile(dev, store, first); err != nil {
		return t, err
	}
	second, secondGrads, err := m.secondSpec(t, t.first)
	if err != nil {
		return t, err
	}
	if t.second, err = engine.Compile(dev, store, second); err != nil {
		return t, err
	}
	t.gradients.Add(t.second, secondGrads)
	for _, part := range firstGrads {
		t.gradients.Add(t.first, part)
	}
	anchors := m.anchors(t.proposing, geom.Size{W: size.W, H: size.H})
	for _, level := range anchors {
		t.grid, t.cells = append(t.grid, level...), append(t.cells, len(level))
	}
	t.targets = newTargets(t)
	return t, t.writeAnchors(t.first, anchors)
}

// firstSpec builds the first graph and returns what engine.Compile needs, and its gradients by part.
func (m *Model) firstSpec(t *training, parts [][]*nn.Param) (spec engine.Spec, grads [][]nn.Gradient, err error) {
	if err := nn.Build(func() {
		var all []nn.Gradient
		spec.Graph, all = m.buildFirst(t)
		grads = divided(all, parts[1:])
	}); err != nil {
		return spec, nil, err
	}
	spec.Features, spec.Native = m.Config.Train.Precision.Features(), append(t.preprocessed(), t.features...)
	spec.Stages = [][]*nn.Node{{t.images}, append(slices.Clone(t.features), t.proposals)}
	outputs := []*nn.Node{t.rpnScoreLoss, t.rpnBoxLoss}
	for _, part := range grads {
		spec.Stages = append(spec.Stages, append(outputs, nodes(part)...))
		outputs = nil
	}
	return spec, grads, nil
}

// secondSpec builds the second graph, on the features of the first plan, and returns what engine.Compile needs. Without the first plan it is what
// engine.Measure needs.
func (m *Model) secondSpec(t *training, first *engine.Plan) (spec engine.Spec, grads []nn.Gradient, err error) {
	var shared []*nn.Node
	if err := nn.Build(func() { spec.Graph, shared, grads = m.buildSecond(t) }); err != nil {
		return spec, nil, err
	}
	spec.Features, spec.Native = m.Config.Train.Precision.Features(), shared
	spec.Shared = unallocated(shared)
	if first != nil {
		spec.Shared = t.tensors(first, shared)
	}
	spec.Stages = [][]*nn.Node{t.secondOutputs(grads)}
	return spec, grads, nil
}

// buildFirst adds images -> features, RPN losses and the backward graph.
func (m *Model) buildFirst(t *training) (*nn.Graph, []nn.Gradient) {
	g := nn.NewGraph(m.Params, true)
	t.proposing = m.proposing(g, t.size, m.Config.RPN.Proposals.Train.AfterNMS, t.bytes)
	n := 0
	for _, d := range t.deltas {
		n += d.Shape().TotalSize() / 4
	}
	t.rpnLabels, t.rpnBoxes, t.rpnWeights = g.Labels("rpn.labels", n), g.Input("rpn.boxes", 4*n), g.Input("rpn.weights", 4*n)
	t.rpnScoreLoss, t.rpnBoxLoss = m.Config.RPN.Losses(t.objectness, t.deltas, t.rpnLabels, t.rpnBoxes, t.rpnWeights)
	t.trainsFeatures = trains(g, t.features[0])
	for i, f := range t.features {
		t.featureGradients = append(t.featureGradients, g.Features(fmt.Sprintf("features.%d.gradient", i), f.Shape()...))
	}
	score, box := g.Input("rpn.score.gradient", 1), g.Input("rpn.box.gradient", 1)
	t.upstream = append(t.upstream, score, box)
	grads, _ := backward(g, append([]*nn.Node{t.rpnScoreLoss, t.rpnBoxLoss}, t.features...), append([]*nn.Node{score, box}, t.featureGradients...))
	return g, grads
}

// buildSecond adds features and regions -> head losses and the backward graph.
func (m *Model) buildSecond(t *training) (*nn.Graph, []*nn.Node, []nn.Gradient) {
	c, n := m.Config.RoI, t.size.N*m.Config.RoI.Targets.Samples
	g := nn.NewGraph(m.Params, true)
	shared := sharedFeatures(g, t.features)
	t.rois = g.Input("regions", n, 5)
	logits, deltas := m.boxHead(g, shared, t.rois)
	columns := c.Columns(len(m.Classes))
	t.labels, t.boxes, t.weights = g.Labels("labels", n), g.Input("boxes", n, columns), g.Input("weights", n, columns)
	t.scoreLoss, t.boxLoss = c.Losses(logits, deltas, t.labels, t.boxes, t.weights)
	score, box := g.Input("score.gradient", 1), g.Input("box.gradient", 1)
	t.upstream = append(t.upstream, score, box)
	var wrt []*nn.Node
	if t.trainsFeatures {
		wrt = shared
	}
	grads, further := backward(g, []*nn.Node{t.scoreLoss, t.boxLoss}, []*nn.Node{score, box}, wrt...)
	t.toFeatures = further
	return g, shared, grads
}

// backward is g.Backward for those outputs that depend on a trained parameter or on a node in wrt. The other outputs have no gradient.
func backward(g *nn.Graph, outputs, upstream []*nn.Node, wrt ...*nn.Node) (grads []nn.Gradient, further []*nn.Node) {
	var from, with []*nn.Node
	for i, n := range outputs {
		if trains(g, n, wrt...) {
			from, with = append(from, n), append(with, upstream[i])
		}
	}
	if len(from) == 0 {
		return nil, nil
	}
	return g.Backward(from, with, wrt...)
}

// trains reports whether a node depends on a trained parameter or on a node in wrt.
func trains(g *nn.Graph, n *nn.Node, wrt ...*nn.Node) bool {
	known := map[*nn.Node]bool{}
	var visit func(n *nn.Node) bool
	visit = func(n *nn.Node) bool {
		if found, ok := known[n]; ok {
			return found
		}
		p := g.ParamOf(n)
		known[n] = slices.Contains(wrt, n) || p != nil && p.Kind.Learned() && !p.Frozen
		known[n] = known[n] || slices.ContainsFunc(n.Inputs(), visit)
		return known[n]
	}
	return visit(n)
}

// secondOutputs returns the losses and all gradients of the second graph.
func (t *training) secondOutputs(grads []nn.Gradient) []*nn.Node {
	list := append([]*nn.Node{t.scoreLoss, t.boxLoss}, nodes(grads)...)
	return append(list, t.toFeatures...)
}

func nodes(grads []nn.Gradient) []*nn.Node {
	list := make([]*nn.Node, len(grads))
	for i, g := range grads {
		list[i] = g.Node
	}
	return list
}

// writeUpstream sets all upstream gradients to scale, so that the gradients are those of the losses times scale.
func (t *training) writeUpstream(scale float32) error {
	for i, n := range t.upstream {
		plan := t.first
		if i >= 2 {
			plan = t.second
		}
		if err := plan.Write(n, []float32{scale}); err != nil {
			return err
		}
	}
	return nil
}

func (t *training) close() {
	for _, plan := range []*engine.Plan{t.second, t.first} {
		if plan != nil {
			plan.Close()
		}
	}
}

// The stages of the first graph. Those of the backward pass begin with backwardStages.
const (
	preprocessStage = iota
	forwardStage
	backwardStages
)

// forward runs the first graph up to the proposals and reads these.
func (t *training) forward(ctx context.Context, m *Model, in input, batch []example) error {
	if err := t.write(t.first, in); err != nil {
		return err
	}
	var limits []float32
	for _, e := range batch {
		limits = append(limits, m.Config.RPN.Proposals.Limits(e.size, m.Config.RPN.Proposals.Train).Row()...)
	}
	if err := t.first.Write(t.limits, limits); err != nil {
		return err
	}
	for _, stage := range []int{preprocessStage, forwardStage} {
		if err := t.first.RunWithin(ctx, stage); err != nil {
			return err
		}
	}
	return t.first.Read(t.proposals, t.targets.proposals)
}

// backward computes the losses and the gradients. It calls known, unless it is nil, after each part of these but the last.
func (t *training) backward(ctx context.Context, scale float32, known func(train.StepGradients) error) error {
	if err := t.backwardHead(ctx, scale); err != nil {
		return err
	}
	for part := range t.gradients {
		if part > 0 {
			if err := t.first.RunWithin(ctx, backwardStages+part-1); err != nil {
				return err
			}
		}
		if err := t.gradients.Known(part, known); err != nil {
			return err
		}
	}
	return nil
}

// backwardHead runs the second graph, and gives the first the gradients with respect to the features.
func (t *training) backwardHead(ctx context.Context, scale float32) error {
	if err := t.writeUpstream(scale); err != nil {
		return err
	}
	for _, w := range []struct {
		plan  *engine.Plan
		input *nn.Node
		value any
	}{
		{t.second, t.rois, t.targets.rois},
		{t.second, t.labels, t.targets.labels},
		{t.second, t.boxes, t.targets.boxes},
		{t.second, t.weights, t.targets.weights},
		{t.first, t.rpnLabels, t.targets.rpnLabels},
		{t.first, t.rpnBoxes, t.targets.rpnBoxes},
		{t.first, t.rpnWeights, t.targets.rpnWeights},
	} {
		if err := w.plan.Write(w.input, w.value); err != nil {
			return err
		}
	}
	if err := t.second.RunAllWithin(ctx); err != nil {
		return err
	}
	for i := range t.toFeatures {
		from, _ := t.second.Tensor(t.toFeatures[i])
		to, _ := t.first.Tensor(t.featureGradients[i])
		if err := t.dev.Blend(to.Mem, from.Mem, from.Shape.TotalSize(), 1, 0); err != nil {
			return err
		}
	}
	return nil
}

// losses reads the four losses. The total loss is their sum.
func (t *training) losses() (named []train.Metric, err error) {
	for _, l := range []struct {
		name string
		plan *engine.Plan
		node *nn.Node
	}{
		{"rpn_objectness", t.first, t.rpnScoreLoss},
		{"rpn_box", t.first, t.rpnBoxLoss},
		{"class", t.second, t.scoreLoss},
		{"box", t.second, t.boxLoss},
	} {
		var v [1]float32
		if err := l.plan.Read(l.node, v[:]); err != nil {
			return nil, err
		}
		named = append(named, train.Metric{Name: l.name, Value: float64(v[0])})
	}
	return named, nil
}
