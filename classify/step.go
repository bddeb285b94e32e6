package classify

import (
	"context"

	"scalenet/engine"
	"scalenet/nn"
	"scalenet/train"
)

// training is the graph, forward and backward, compiled for the configured batch.
type training struct {
	plan               *engine.Plan
	in                 inputs
	size               int
	labels, seed, loss *nn.Node // seed is the upstream gradient of the loss
	gradients          map[*nn.Param]engine.Memory
}

// TrainingBytes returns the minimum device memory of training in bytes: activations,
// parameters, gradients and optimiser state.
func (m *Model) TrainingBytes(dev engine.Device) (int, error) {
	spec, _, err := m.trainingSpec(&training{})
	if err != nil {
		return 0, err
	}
	n, err := engine.Measure(dev, spec)
	return n + train.ParamsBytes(m.Params, m.Config.Train), err
}

// trainingSpec builds the graph of a training step and returns its gradients.
func (m *Model) trainingSpec(t *training) (spec engine.Spec, grads []nn.Gradient, err error) {
	g := nn.NewGraph(m.Params, true)
	if err := nn.Build(func() {
		var logits *nn.Node
		t.in, logits = m.logits(g, m.Config.Batch)
		t.labels, t.seed = g.Labels("labels", m.Config.Batch), g.Input("seed", 1)
		t.loss = nn.Apply(nn.SoftmaxCrossEntropy{Smoothing: m.Config.LabelSmoothing}, logits, t.labels)
		grads, _ = g.Backward([]*nn.Node{t.loss}, []*nn.Node{t.seed})
	}); err != nil {
		return spec, nil, err
	}
	outputs := []*nn.Node{t.loss}
	for _, gr := range grads {
		outputs = append(outputs, gr.Node)
	}
	return engine.Spec{Graph: g, Stages: [][]*nn.Node{outputs}, Features: m.Config.Train.Precision.Features()}, grads, nil
}

// compileTraining compiles the graph of a training step.
func (m *Model) compileTraining(dev engine.Device, store *engine.Store) (*training, error) {
	t := &training{size: m.Config.Input.Size, gradients: map[*nn.Param]engine.Memory{}}
	spec, grads, err := m.trainingSpec(t)
	if err != nil {
		return nil, err
	}
	if t.plan, err = engine.Compile(dev, store, spec); err != nil {
		return nil, engine.Advise(err, "a smaller batch and smaller images (input.size)")
	}
	for _, gr := range grads {
		tensor, _ := t.plan.Tensor(gr.Node)
		t.gradients[gr.Param] = tensor.Mem
	}
	return t, nil
}

// run computes the loss of a batch, and the gradients of the loss times scale.
func (t *training) run(ctx context.Context, b *Batch, scale float32) (loss float32, err error) {
	if err := t.plan.Write(t.seed, []float32{scale}); err != nil {
		return 0, err
	}
	if err := t.in.write(t.plan, b, t.size); err != nil {
		return 0, err
	}
	if err := t.plan.Write(t.labels, b.Labels); err != nil {
		return 0, err
	}
	if err := t.plan.RunAllWithin(ctx); err != nil {
		return 0, err
	}
	var v [1]float32
	err = t.plan.Read(t.loss, v[:])
	return v[0], err
}
