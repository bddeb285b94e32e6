package detector

import (
	"context"
	"math/rand/v2"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/collective"
	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/internal/prefetch"
	"scalenet/nn"
	"scalenet/train"
)

// trainingPlans is the maximum number of padded sizes whose training plans are kept compiled. It is small because these plans keep every activation.
const trainingPlans = 2

// evaluationBytes is the memory for plans of the evaluations during training. It is small because training plans stay compiled beside them.
const evaluationBytes = 256 << 20

// Trainer implements train.Model for a detector on a device.
type Trainer struct {
	model  *Model
	dev    engine.Device
	store  *engine.Store
	val    *coco.Dataset
	random *rand.Rand
	plans  []*training  // the most recently used last
	test   *deviceModel // on the same store
	// Group is the processes that share evaluations; nil is this process alone.
	Group *collective.Group
	// Evaluating, if not nil, is called with the numbers of images done and of all in an evaluation.
	Evaluating func(done, total int)
	params     []train.Param
	parts      [][]*nn.Param                   // of the gradients
	known      func(train.StepGradients) error // nil without OnPart
}

var (
	_ train.Model[*coco.Batch] = (*Trainer)(nil)
	_ train.Staged             = (*Trainer)(nil)
)

// NewTrainer returns a trainer of m on dev. Anchors and RoIs are sampled with random numbers that depend only on the seed of the configuration and on
// the place of the batch: its epoch and its number. If random is not nil, they are sampled with random. val is the validation dataset of Evaluate and must have the
// model's classes.
func NewTrainer(m *Model, dev engine.Device, val *coco.Dataset, random *rand.Rand) (*Trainer, error) {
	if err := m.Config.CheckBest(m.Classes); err != nil {
		return nil, err
	}
	t := &Trainer{model: m, dev: dev, store: engine.NewStore(dev, m.Params), val: val, random: random}
	t.test = newDeviceModel(m, Options{PlanBytes: evaluationBytes}, &stream{dev: dev, store: t.store})
	var err error
	if t.parts, err = m.gradientParts(); err != nil {
		return t, err
	}
	t.params, err = train.Params(t.store)
	return t, err
}

// NewLoader returns a loader of training batches as the model's configuration describes them. If dev preprocesses, batches contain decoded images.
func (m *Model) NewLoader(data *coco.Dataset, dev engine.Device) (*coco.Loader, error) {
	return coco.NewLoader(data, m.LoaderConfig(m.preprocessesOn(dev)))
}

// LoaderConfig returns the configuration of NewLoader's loader. At each scale, batches have at most as many padded sizes as plans are kept compiled,
// because compiling a plan and the first step in its memory are slow. raw is whether batches contain decoded images instead of the model input.
func (m *Model) LoaderConfig(raw bool) coco.LoaderConfig {
	c := m.Config.Input
	loader := coco.LoaderConfig{
		Batch: m.Config.Batch, Shorter: c.Shorter, Longest: c.Longest, Divisor: c.Divisor, MinSide: m.PadTo(1),
		Rounding: c.Rounding, Resize: c.Resize, Buckets: trainingPlans, Raw: raw, Normalization: imaging.Normalization{Mean: c.Mean, Std: c.Std},
		Shuffle: true, Repeat: true, OnlyWithObjects: c.SkipEmpty,
		FlipHorizontal: c.FlipHorizontal, FlipVertical: c.FlipVertical,
		Brightness: c.Brightness, Contrast: c.Contrast, Saturation: c.Saturation, Hue: c.Hue,
		Rotation: c.Rotation, Mosaic: c.Mosaic, MosaicEpochs: c.MosaicEpochs, RepeatThreshold: c.RepeatThreshold,
		Seed: m.Config.Train.Seed, CacheBytes: 1 << 30,
	}
	copy(loader.ScaleJitter[:], c.ScaleJitter)
	if t := m.Config.Train; t.Budget > 0 && c.MosaicEpochs > 0 { // its epochs are an estimate
		loader.MosaicEpochs, loader.MosaicUntil = 0, float64(c.MosaicEpochs)/float64(t.Epochs)
	}
	return loader
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
	if err := p.fill(t.model, p.sample(t.model, examples, t.draws(b))); err != nil {
		return train.Gradients{}, err
	}
	if err := p.backward(ctx, scale, t.known); err != nil {
		return train.Gradients{}, err
	}
	return t.outcome(p)
}

// Parts implements train.Staged: the gradients of the box head, and then those of the rest of the network in the order of its backward pass.
func (t *Trainer) Parts() [][]*nn.Param { return t.parts }

// OnPart implements train.Staged.
func (t *Trainer) OnPart(f func(grads []engine.Memory) error) {
	t.known = func(part train.StepGradients) error { return f(part.InOrder(t.model.Params)) }
}

// draws returns the random numbers for a batch.
func (t *Trainer) draws(b *coco.Batch) *rand.Rand {
	if t.random != nil {
		return t.random
	}
	const sampling = 1 << 63 // not the numbers with which the batch was augmented
	return prefetch.Rand(t.model.Config.Train.Seed^sampling, b.Epoch, b.Step)
}

// outcome reads the losses and returns them with the gradients, in the order of t.params.
func (t *Trainer) outcome(p *training) (g train.Gradients, err error) {
	for _, plan := range []*engine.Plan{p.first, p.second} {
		moments, err := plan.Moments()
		if err != nil {
			return g, err
		}
		g.Moments = append(g.Moments, moments...)
	}
	if g.Losses, err = p.losses(); err != nil {
		return g, err
	}
	g.Grads = p.gradients.InOrder(t.model.Params)
	return g, nil
}

// UpdateRunning implements train.Model.
func (t *Trainer) UpdateRunning(batch []engine.Moments) error { return t.store.UpdateRunning(batch) }

// plan returns the plans for batches of a size with at least the given byte capacity for decoded images, and compiles them if necessary. If
// trainingPlans are compiled already, the least recently used one is closed.
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
	p, err := t.model.compileTraining(t.dev, t.store, size, bytes, t.parts)
	if err != nil {
		return nil, err
	}
	t.plans = append(t.plans, p)
	return p, nil
}

// Evaluate implements train.Model: it returns AP, AP50 and the AP50 of each class on the validation data.
func (t *Trainer) Evaluate(ctx context.Context) ([]train.Metric, error) {
	o := EvaluateOptions{Group: t.Group}
	if t.Evaluating != nil {
		o.Progress = func(done int) { t.Evaluating(done, len(t.val.Images)) }
	}
	e, err := t.test.Evaluate(ctx, t.val, o)
	if err != nil {
		return nil, err
	}
	metrics := []train.Metric{{Name: "AP", Value: e.Stats.AP()}, {Name: "AP50", Value: e.Stats.AP50()}}
	for _, c := range e.Classes {
		metrics = append(metrics, train.Metric{Name: ofClass(c.Name), Value: c.Stats.AP50()})
	}
	return metrics, nil
}

// ofClass is the name of the metric of a class.
func ofClass(name string) string { return "AP50/" + name }

// CheckBest returns an error if train.best is not a metric of the evaluations of a training with the given classes.
func (c Config) CheckBest(classes []string) error {
	metrics := []string{"AP", "AP50"}
	for _, name := range classes {
		metrics = append(metrics, ofClass(name))
	}
	return c.Train.CheckBest(metrics...)
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

// Restore implements train.Model. A file with another configuration or other classes is an error.
func (t *Trainer) Restore(f *checkpoint.File) error {
	if err := train.Resumable(f.Metadata, checkpoint.DetectorKey, Parse, t.model.Config, t.model.Classes); err != nil {
		return err
	}
	return train.RestoreParams(t.store, f)
}

// Changed implements train.Model. It copies the parameters to the host, because running statistics are updated from the host's values.
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
