package classify

import (
	"context"

	"scalenet/checkpoint"
	"scalenet/collective"
	"scalenet/engine"
	"scalenet/nn"
	"scalenet/train"
)

// Trainer implements train.Model for a classifier on a device.
type Trainer struct {
	model   *Model
	store   *engine.Store
	test    *deviceModel // on the same store
	val     *Dataset
	skipped *Skipped
	step    *training
	params  []train.Param
	known   func(train.StepGradients) error // nil without OnPart
	// Group is the processes that share evaluations; nil is this process alone.
	Group *collective.Group
}

var (
	_ train.Model[*Batch] = (*Trainer)(nil)
	_ train.Staged        = (*Trainer)(nil)
)

// NewTrainer returns a trainer that evaluates on val, which must have the classes of the
// model. Validation images that cannot be read are recorded in skipped.
func NewTrainer(m *Model, dev engine.Device, val *Dataset, skipped *Skipped) (*Trainer, error) {
	if err := m.Config.CheckBest(); err != nil {
		return nil, err
	}
	t := &Trainer{model: m, store: engine.NewStore(dev, m.Params), val: val, skipped: skipped}
	t.test = newDeviceModel(m, dev, t.store, Options{Batch: min(m.Config.Batch, 64)})
	var err error
	if t.params, err = train.Params(t.store); err != nil {
		return nil, err
	}
	t.step, err = m.compileTraining(dev, t.store)
	return t, err
}

// Params implements train.Model.
func (t *Trainer) Params() []train.Param { return t.params }

// Images implements train.Model.
func (t *Trainer) Images(b *Batch) []string { return b.Names }

// Backward implements train.Model.
func (t *Trainer) Backward(ctx context.Context, b *Batch, scale float32) (g train.Gradients, err error) {
	loss, err := t.step.run(ctx, b, scale, t.known)
	if err != nil {
		return g, err
	}
	if g.Moments, err = t.step.plan.Moments(); err != nil {
		return g, err
	}
	g.Losses = []train.Metric{{Name: "cross_entropy", Value: float64(loss)}}
	g.Grads = t.step.gradients.InOrder(t.model.Params)
	return g, nil
}

// Parts implements train.Staged: the gradients in the order of the backward pass.
func (t *Trainer) Parts() [][]*nn.Param { return t.step.gradients.Params() }

// OnPart implements train.Staged.
func (t *Trainer) OnPart(f func(grads []engine.Memory) error) {
	t.known = func(part train.StepGradients) error { return f(part.InOrder(t.model.Params)) }
}

// UpdateRunning implements train.Model.
func (t *Trainer) UpdateRunning(batch []engine.Moments) error { return t.store.UpdateRunning(batch) }

// Evaluate implements train.Model: top-1 and top-5 accuracy.
func (t *Trainer) Evaluate(ctx context.Context) ([]train.Metric, error) {
	f, err := t.test.Evaluate(ctx, t.val, EvaluateOptions{Skipped: t.skipped, Group: t.Group})
	if err != nil {
		return nil, err
	}
	return []train.Metric{{Name: Top1, Value: f.Top1}, {Name: Top5, Value: f.Top5}}, nil
}

// CheckBest returns an error if train.best is not a metric of the evaluations of a training.
func (c Config) CheckBest() error { return c.Train.CheckBest(Top1, Top5) }

// Tensors implements train.Model.
func (t *Trainer) Tensors() ([]checkpoint.Tensor, error) {
	if err := t.store.Download(); err != nil {
		return nil, err
	}
	return t.model.Params.Tensors(), nil
}

// Metadata implements train.Model.
func (t *Trainer) Metadata() map[string]string { return t.model.Metadata() }

// Restore implements train.Model. It returns an error if configuration or classes differ.
func (t *Trainer) Restore(f *checkpoint.File) error {
	if err := train.Resumable(f.Metadata, checkpoint.ClassifierKey, Parse, t.model.Config, t.model.Classes); err != nil {
		return err
	}
	return train.RestoreParams(t.store, f)
}

// Changed implements train.Model: it copies the running statistics to the host.
func (t *Trainer) Changed() error { return t.store.Download() }

// Close frees the device memory.
func (t *Trainer) Close() {
	if t.step != nil {
		t.step.plan.Close()
	}
	t.test.close()
	t.store.Close()
}
