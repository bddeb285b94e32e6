package classify

import (
	"scalenet/engine"
	"scalenet/nn"
)

// training is the graph, forward and backward, compiled for the configured batch.
type training struct {
	plan                      *engine.Plan
	images, labels, one, loss *nn.Node
	gradients                 map[*nn.Param]engine.Memory
}

// compileTraining plans a training step.
func (m *Model) compileTraining(dev engine.Device, store *engine.Store) (*training, error) {
	t := &training{gradients: map[*nn.Param]engine.Memory{}}
	g := nn.NewGraph(m.Params, true)
	var grads []nn.Gradient
	if err := nn.Build(func() {
		var logits *nn.Node
		t.images, logits = m.logits(g, m.Config.Batch)
		t.labels, t.one = g.Labels("labels", m.Config.Batch), g.Input("one", 1)
		t.loss = nn.Apply(nn.SoftmaxCrossEntropy{Smoothing: m.Config.LabelSmoothing}, logits, t.labels)
		grads, _ = g.Backward([]*nn.Node{t.loss}, []*nn.Node{t.one})
	}); err != nil {
		return nil, err
	}
	outputs := []*nn.Node{t.loss}
	for _, gr := range grads {
		outputs = append(outputs, gr.Node)
	}
	var err error
	if t.plan, err = engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{outputs}}); err != nil {
		return nil, engine.Advise(err, "a smaller batch and smaller pictures (input.size)")
	}
	for _, gr := range grads {
		tensor, _ := t.plan.Tensor(gr.Node)
		t.gradients[gr.Param] = tensor.Mem
	}
	return t, t.plan.Write(t.one, []float32{1})
}

// run computes loss and gradients of a batch.
func (t *training) run(b *Batch) (loss float32, err error) {
	if err := t.plan.Write(t.images, b.Pixels); err != nil {
		return 0, err
	}
	if err := t.plan.Write(t.labels, b.Labels); err != nil {
		return 0, err
	}
	if err := t.plan.RunAll(); err != nil {
		return 0, err
	}
	var v [1]float32
	err = t.plan.Read(t.loss, v[:])
	return v[0], err
}
