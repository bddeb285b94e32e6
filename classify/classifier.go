package classify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/internal/pending"
	"scalenet/nn"
)

// Classifier runs a model on batches of one size. It owns the memory that the parameters take on the device. It is not safe for
// concurrent use.
type Classifier struct{ *deviceModel }

// Options of a Classifier.
type Options struct {
	// Features is the type that features are computed in: engine.Float32, BFloat16 or Float16.
	Features engine.DType
	// Batch is how many images go through the network together; default 1.
	Batch int
}

// NewClassifier makes a classifier on a device. Close it; until then the model's
// parameters must not change: the device may read them where they are.
func NewClassifier(m *Model, dev engine.Device, o Options) *Classifier {
	return &Classifier{newDeviceModel(m, dev, engine.NewReadOnlyStore(dev, m.Params), o)}
}

// Close frees the plan and the parameters. The device stays open.
func (c *Classifier) Close() {
	c.deviceModel.close()
	c.store.Close()
}

// deviceModel runs a model whose parameters are in a store. The store belongs to whoever made it, and is closed after the deviceModel.
type deviceModel struct {
	model    *Model
	dev      engine.Device
	store    *engine.Store
	batch    int
	features engine.DType
	plan     *engine.Plan // compiled when first needed
	in       inputs
	logits   *nn.Node
}

func newDeviceModel(m *Model, dev engine.Device, store *engine.Store, o Options) *deviceModel {
	return &deviceModel{model: m, dev: dev, store: store, batch: max(o.Batch, 1), features: o.Features}
}

// close frees the plan.
func (d *deviceModel) close() {
	if d.plan != nil {
		d.plan.Close()
	}
}

// maxPending is the number of batches that may be pending, that is started without a wait, when another one is started.
const maxPending = 1

// start gives a batch to the device. wait blocks until the device is done, and returns the logits: rows of one value per class.
func (d *deviceModel) start(b *Batch) (wait func() ([]float32, error), err error) {
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
	d.plan, err = engine.Compile(d.dev, d.store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{d.logits}}, Features: d.features})
	return engine.Advise(err, "smaller batches (--batch)")
}

// Prediction is a class and its probability.
type Prediction struct {
	Class       int // from 0
	Probability float64
}

// Classify gives the classes of an image by falling probability.
func (d *deviceModel) Classify(image *imaging.Image) ([]Prediction, error) {
	b := newBatch(d.batch, d.model.Config.Input.Size)
	b.fill(0, d.model.Config.forTest(image))
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

// softmax lists the probabilities of logits, the largest first.
func softmax(logits []float32) ([]Prediction, error) {
	largest, sum := slices.Max(logits), 0.0
	list := make([]Prediction, len(logits))
	for i, v := range logits {
		list[i] = Prediction{i, math.Exp(float64(v - largest))}
		sum += list[i].Probability
	}
	if math.IsNaN(sum) {
		return nil, errors.New("the network's output is not a number")
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

// The figures of an evaluation: the share of images whose class is the most
// probable one, or among the five most probable.
const (
	Top1 = "top1"
	Top5 = "top5"
)

// Figures are the outcome of an evaluation.
type Figures struct {
	Images  int     `json:"images"`
	Skipped int     `json:"skipped"` // that could not be read
	Top1    float64 `json:"top1"`    // share of the images
	Top5    float64 `json:"top5"`
}

// Evaluate measures the classifier on the centre crops of a data set, which must
// have the model's classes. progress, which may be nil, is told how many
// images are done.
func (d *deviceModel) Evaluate(ctx context.Context, data *Dataset, skipped *Skipped, progress func(done int)) (f Figures, err error) {
	if !slices.Equal(data.Classes, d.model.Classes) {
		return f, fmt.Errorf("%s: its %d classes are not the model's %d", data.Path, len(data.Classes), len(d.model.Classes))
	}
	loader := newTestLoader(d.model.Config, data, d.batch, skipped)
	defer loader.Close()
	var queue pending.Queue
	var correct tally
	done := 0
	for b, err := range loader.Rest(ctx) {
		if err != nil {
			return f, err
		}
		wait, err := d.start(b)
		if err != nil {
			return f, fmt.Errorf("%v: %w", b.Names, err)
		}
		queue.Add(func() error {
			logits, err := wait()
			if err != nil {
				return fmt.Errorf("%v: %w", b.Names, err)
			}
			correct.add(b, logits, len(d.model.Classes))
			if done = min(done+d.batch, data.Len()); progress != nil {
				progress(done)
			}
			return nil
		})
		if err := queue.FinishAllBut(maxPending); err != nil {
			return f, err
		}
	}
	if err := queue.FinishAllBut(0); err != nil {
		return f, err
	}
	return correct.figures(data)
}

// tally counts the images of an evaluation.
type tally struct{ images, first, five int }

// add counts the images of a batch, whose logits have a row of one value per class.
func (t *tally) add(b *Batch, logits []float32, classes int) {
	for i, label := range b.Labels {
		if label < 0 {
			continue
		}
		r := rank(logits[i*classes:(i+1)*classes], int(label))
		t.images++
		if r == 0 {
			t.first++
		}
		if r < 5 {
			t.five++
		}
	}
}

func (t *tally) figures(data *Dataset) (f Figures, err error) {
	if t.images == 0 {
		return f, fmt.Errorf("%s: none of its %d images can be read", data.Path, data.Len())
	}
	of := float64(t.images)
	return Figures{t.images, data.Len() - t.images, float64(t.first) / of, float64(t.five) / of}, nil
}

// rank is how many classes are before one: those with a larger logit, or an
// equal one and a smaller index; a logit that is no number comes last.
func rank(logits []float32, class int) (before int) {
	own := logits[class]
	if own != own {
		return len(logits)
	}
	for i, v := range logits {
		if v > own || v == own && i < class {
			before++
		}
	}
	return before
}
