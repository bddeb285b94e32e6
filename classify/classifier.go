package classify

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/nn"
)

// Classifier runs a model on batches of one size. It owns the device memory of the parameters. It is not safe for concurrent use.
type Classifier struct{ *deviceModel }

// Options of a Classifier.
type Options struct {
	// Features is the type of activations: engine.Float32, BFloat16 or Float16.
	Features engine.DType
	// Quantization makes a float32 classifier compute on bytes, see engine.Spec; nil is for none.
	Quantization *engine.Quantization
	// Observe sees the values of the network, see engine.Spec; nil is for none.
	Observe func(name string, values []float32)
	// LayerError sees the errors of layers of the Quantization, see engine.Spec; nil is for none.
	LayerError engine.LayerError
	// Batch is the number of images per batch; default 1.
	Batch int
}

// NewClassifier returns a classifier on a device. The parameters of the model must not
// change until Close, because a device may use them without a copy. It panics if m or
// dev is nil.
func NewClassifier(m *Model, dev engine.Device, o Options) *Classifier {
	switch {
	case m == nil:
		panic("classify: NewClassifier: the model is nil")
	case dev == nil:
		panic("classify: NewClassifier: the device is nil")
	}
	return &Classifier{newDeviceModel(m, dev, engine.NewReadOnlyStore(dev, m.Params), o)}
}

// BytesWeights returns the weights that the plan has read as bytes, see [engine.Store.BytesWeights].
func (c *Classifier) BytesWeights() map[string][]int { return c.store.BytesWeights() }

// Close frees the plan and the parameters. The device stays open. To classify later is an error.
func (c *Classifier) Close() {
	c.deviceModel.close()
	c.store.Close()
}

// deviceModel runs a model whose parameters are in a store. It does not own the store, which must be closed after it.
type deviceModel struct {
	model   *Model
	dev     engine.Device
	store   *engine.Store
	options Options
	batch   int
	plan    *engine.Plan // compiled by the first call of start
	closed  bool
	in      inputs
	logits  *nn.Node
}

func newDeviceModel(m *Model, dev engine.Device, store *engine.Store, o Options) *deviceModel {
	return &deviceModel{model: m, dev: dev, store: store, options: o, batch: max(o.Batch, 1)}
}

// close frees the plan.
func (d *deviceModel) close() {
	d.closed = true
	if d.plan != nil {
		d.plan.Close()
	}
}

// maxPending is the number of batches that may be pending (started, not waited for) when another batch is started.
const maxPending = 1

// start starts the inference of a batch. wait blocks until it is done, and returns the logits [batch, classes].
func (d *deviceModel) start(b *Batch) (wait func() ([]float32, error), err error) {
	if d.closed {
		return nil, errors.New("classify: used after Close")
	}
	if err := d.compile(); err != nil {
		return nil, err
	}
	if err := d.in.write(d.plan, b, d.model.Config.Input.Size); err != nil {
		return nil, err
	}
	if err := d.plan.RunAll(); err != nil {
		return nil, err
	}
	values := make([]float32, d.batch*len(d.model.Classes))
	fetched, err := d.plan.Fetch(d.logits, values)
	return func() ([]float32, error) { return values, fetched() }, err
}

func (d *deviceModel) compile() (err error) {
	if d.plan != nil {
		return nil
	}
	g := nn.NewGraph(d.model.Params, false)
	if err := nn.Build(func() { d.in, d.logits = d.model.logits(g, d.batch) }); err != nil {
		return err
	}
	// With algorithms chosen for one image, an image has the same logits in any batch.
	o := d.options
	d.plan, err = engine.Compile(d.dev, d.store, engine.Spec{
		Graph: g, Stages: [][]*nn.Node{{d.logits}}, Features: o.Features, Quantization: o.Quantization, Observe: o.Observe, LayerError: o.LayerError, Images: 1,
	})
	return engine.Advise(err, "smaller batches (--batch)")
}

// Prediction is a class and its probability.
type Prediction struct {
	Class       int // from 0
	Probability float64
}

// Classify returns all classes with their probabilities for an image, in descending order. An image that is
// nil, or whose Pix does not have all pixels, is an error.
func (d *deviceModel) Classify(image *imaging.Image) ([]Prediction, error) {
	if err := image.Check(); err != nil {
		return nil, fmt.Errorf("classify: %w", err)
	}
	b := newBatch(d.batch, d.model.Config.Input.Size)
	b.fill(0, d.model.Config.testTransform(image))
	wait, err := d.start(b)
	if err != nil {
		return nil, err
	}
	values, err := wait()
	if err != nil {
		return nil, err
	}
	return softmax(values[:len(d.model.Classes)])
}

// softmax returns the probabilities of logits, in descending order.
func softmax(logits []float32) ([]Prediction, error) {
	largest, sum := slices.Max(logits), 0.0
	list := make([]Prediction, len(logits))
	for i, v := range logits {
		list[i] = Prediction{i, math.Exp(float64(v - largest))}
		sum += list[i].Probability
	}
	if math.IsNaN(sum) {
		return nil, errors.New("the output of the network is NaN")
	}
	for i := range list {
		list[i].Probability /= sum
	}
	slices.SortStableFunc(list, func(a, b Prediction) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	return list, nil
}
