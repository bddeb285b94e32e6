package classify

import (
	"context"

	"scalenet/collective"
	"scalenet/engine"
	"scalenet/nn"
	"scalenet/train"
)

// training is the graph, forward and backward, compiled for the configured batch: one stage per part of the gradients.
type training struct {
	plan               *engine.Plan
	in                 inputs
	size               int
	labels, seed, loss *nn.Node // seed is the upstream gradient of the loss
	gradients          train.StepGradients
}

// TrainingBytes returns the minimum device memory of training in bytes: activations, gradients, parameters, optimiser state and sums of gradients. g is the
// processes that share the run, nil for one process alone.
func (m *Model) TrainingBytes(dev engine.Device, g *collective.Group) (int, error) {
	spec, _, err := m.trainingSpec(&training{})
	if err != nil {
		return 0, err
	}
	n, err := engine.Measure(dev, spec)
	return n + train.ParamsBytes(m.Params, m.Config.Train, dev, g), err
}

// trainingSpec builds the graph of a training step and returns its gradients by part.
func (m *Model) trainingSpec(t *training) (spec engine.Spec, grads [][]nn.Gradient, err error) {
	g := nn.NewGraph(m.Params, true)
	if err := nn.Build(func() {
		var logits *nn.Node
		t.in, logits = m.logits(g, m.Config.Batch)
		t.labels, t.seed = g.Labels("labels", m.Config.Batch), g.Input("seed", 1)
		t.loss = nn.Apply(nn.SoftmaxCrossEntropy{Smoothing: m.Config.LabelSmoothing}, logits, t.labels)
		all, _ := g.Backward([]*nn.Node{t.loss}, []*nn.Node{t.seed})
		grads = train.GradientParts(all)
	}); err != nil {
		return spec, nil, err
	}
	spec = engine.Spec{Graph: g, Features: m.Config.Train.Precision.Features()}
	outputs := []*nn.Node{t.loss}
	for _, part := range grads {
		for _, gr := range part {
			outputs = append(outputs, gr.Node)
		}
		spec.Stages, outputs = append(spec.Stages, outputs), nil
	}
	return spec, grads, nil
}

// compileTraining compiles the graph of a training step.
func (m *Model) compileTraining(dev engine.Device, store *engine.Store) (*training, error) {
	t := &training{size: m.Config.Input.Size}
	spec, grads, err := m.trainingSpec(t)
	if err != nil {
		return nil, err
	}
	if t.plan, err = engine.Compile(dev, store, spec); err != nil {
		return nil, engine.Advise(err, "a smaller batch and smaller images (input.size)")
	}
	for _, part := range grads {
		t.gradients.Add(t.plan, part)
	}
	return t, nil
}

// run computes the loss of a batch, and the gradients of the loss times scale. It calls known, unless it is nil, after each part of these but
// the last.
func (t *training) run(ctx context.Context, b *Batch, scale float32, known func(train.StepGradients) error) (loss float32, err error) {
	if err := t.plan.Write(t.seed, []float32{scale}); err != nil {
		return 0, err
	}
	if err := t.in.write(t.plan, b, t.size); err != nil {
		return 0, err
	}
	if err := t.plan.Write(t.labels, b.Labels); err != nil {
		return 0, err
	}
	for part := range t.gradients {
		if err := t.plan.RunWithin(ctx, part); err != nil {
			return 0, err
		}
		if err := t.gradients.Known(part, known); err != nil {
			return 0, err
		}
	}
	var v [1]float32
	err = t.plan.Read(t.loss, v[:])
	return v[0], err
}
