package detector

import (
	"context"
	"math/rand/v2"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/train"
)

// trainingPlans bounds how many padded sizes stay compiled for training, whose
// plans keep every activation.
const trainingPlans = 2

// Trainer is a model on a device as package train wants it.
type Trainer struct {
	model  *Model
	dev    engine.Device
	store  *engine.Store
	val    *coco.Dataset
	random *rand.Rand
	plans  []*training  // the one used last at the end
	test   *deviceModel // on the same store
	params []train.Param
}

var _ train.Model[*coco.Batch] = (*Trainer)(nil)

// NewTrainer prepares the training of a model; anchors and regions are sampled
// with random. val, which must have the model's classes, is what Evaluate
// measures on.
func NewTrainer(m *Model, dev engine.Device, val *coco.Dataset, random *rand.Rand) (*Trainer, error) {
	t := &Trainer{model: m, dev: dev, store: engine.NewStore(dev, m.Params), val: val, random: random}
	t.test = newDeviceModel(m, dev, t.store, Options{Plans: 2})
	var err error
	t.params, err = train.Params(t.store)
	return t, err
}

// NewLoader makes the batches that the model's configuration wants, of no more
// sizes at a scale than plans stay compiled: the first step in new memory is a
// slow one. The device says whether it makes images of the images.
func (m *Model) NewLoader(data *coco.Dataset, dev engine.Device) (*coco.Loader, error) {
	c := m.Config.Input
	return coco.NewLoader(data, coco.LoaderConfig{
		Batch: m.Config.Batch, Shorter: c.Shorter, Longest: c.Longest, Divisor: c.Divisor, MinSide: m.PadTo(1),
		Buckets: trainingPlans, Raw: preprocessesOnDevice(dev), Normalization: imaging.Normalization{Mean: c.Mean, Std: c.Std},
		Shuffle: true, Repeat: true, OnlyWithObjects: c.SkipEmpty,
		FlipHorizontal: c.FlipHorizontal, FlipVertical: c.FlipVertical, Brightness: c.Brightness,
		Seed: m.Config.Train.Seed, CacheBytes: 1 << 30,
	})
}

// Params implements train.Model.
func (t *Trainer) Params() []train.Param { return t.params }

// Images implements train.Model.
func (t *Trainer) Images(b *coco.Batch) []string { return b.FileNames() }

// Backward implements train.Model.
func (t *Trainer) Backward(ctx context.Context, b *coco.Batch, scale float32) (train.Gradients, error) {
	examples, err := t.model.examples(b)
	if err != nil {
		return train.Gradients{}, err
	}
	in := input{b.Raw, b.Pixels}
	p, err := t.plan(batchSize{len(b.Samples), b.H, b.W}, byteCapacity(in.bytes()))
	if err != nil {
		return train.Gradients{}, err
	}
	if err := p.forward(ctx, t.model, in, examples); err != nil {
		return train.Gradients{}, err
	}
	if err := p.fill(t.model, p.sample(t.model, examples, t.random)); err != nil {
		return train.Gradients{}, err
	}
	if err := p.backward(ctx, scale); err != nil {
		return train.Gradients{}, err
	}
	return t.outcome(p)
}

// outcome reads the losses and lists the gradients.
func (t *Trainer) outcome(p *training) (g train.Gradients, err error) {
	for _, plan := range []*engine.Plan{p.first, p.second} {
		if err := t.store.UpdateRunning(plan); err != nil {
			return g, err
		}
	}
	if g.Losses, err = p.losses(); err != nil {
		return g, err
	}
	g.Grads = make([]engine.Memory, len(t.params))
	for i, q := range t.model.Params.All() {
		g.Grads[i] = p.gradients[q]
	}
	return g, nil
}

// plan finds or compiles the plans of a size that take so many bytes of images, or images; the one unused longest is closed to make room.
func (t *Trainer) plan(size batchSize, bytes int) (*training, error) {
	for i, p := range t.plans {
		if p.size != size || (p.bytes > 0) != (bytes > 0) {
			continue
		}
		t.plans = append(t.plans[:i], t.plans[i+1:]...)
		if p.bytes >= bytes {
			t.plans = append(t.plans, p)
			return p, nil
		}
		p.close()
		break
	}
	if len(t.plans) >= trainingPlans {
		t.plans[0].close()
		t.plans = t.plans[1:]
	}
	p, err := t.model.compileTraining(t.dev, t.store, size, bytes)
	if err != nil {
		return nil, err
	}
	t.plans = append(t.plans, p)
	return p, nil
}

// Evaluate implements train.Model: AP, AP50 and each class's AP50 on the
// validation data.
func (t *Trainer) Evaluate(ctx context.Context) ([]train.Metric, error) {
	e, err := t.test.Evaluate(ctx, t.val, EvaluateOptions{})
	if err != nil {
		return nil, err
	}
	metrics := []train.Metric{{Name: "AP", Value: e.Stats.AP()}, {Name: "AP50", Value: e.Stats.AP50()}}
	for _, c := range e.Classes {
		metrics = append(metrics, train.Metric{Name: "AP50/" + c.Name, Value: c.Stats.AP50()})
	}
	return metrics, nil
}

// Tensors implements train.Model.
func (t *Trainer) Tensors() ([]checkpoint.Tensor, error) {
	if err := t.store.Download(); err != nil {
		return nil, err
	}
	return t.model.Tensors(), nil
}

// Metadata implements train.Model.
func (t *Trainer) Metadata() map[string]string { return t.model.Metadata() }

// Restore implements train.Model. Another configuration and other classes are
// an error.
func (t *Trainer) Restore(f *checkpoint.File) error {
	if err := train.Resumable(f.Metadata, checkpoint.DetectorKey, Parse, t.model.Config, t.model.Classes); err != nil {
		return err
	}
	return train.RestoreParams(t.store, f)
}

// Changed implements train.Model: running statistics are continued from the
// host's values.
func (t *Trainer) Changed() error { return t.store.Download() }

// Close frees the device's memory.
func (t *Trainer) Close() {
	for _, p := range t.plans {
		p.close()
	}
	t.plans = nil
	t.test.close()
	t.store.Close()
}
