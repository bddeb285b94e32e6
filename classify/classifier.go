package classify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/nn"
)

// Classifier runs a model on batches of one size. It is not safe for concurrent use.
type Classifier struct {
	model          *Model
	store          *engine.Store
	batch          int
	features       engine.DType
	plan           *engine.Plan // compiled when first needed
	images, logits *nn.Node
	values         []float32
	dev            engine.Device
}

// Options of a Classifier.
type Options struct {
	// Features is the type that features are computed in: engine.Float32, BFloat16 or Float16.
	Features engine.DType
	// Batch is how many pictures go through the network together; default 1.
	Batch int
}

// NewClassifier makes a classifier on a device. Close it; until then the model's
// parameters must not change: the device may read them where they are.
func NewClassifier(m *Model, dev engine.Device, o Options) *Classifier {
	return newClassifier(m, dev, engine.NewReadOnlyStore(dev, m.Params), o)
}

// newClassifier shares the parameters that a store holds.
func newClassifier(m *Model, dev engine.Device, store *engine.Store, o Options) *Classifier {
	return &Classifier{model: m, dev: dev, store: store, batch: max(o.Batch, 1), features: o.Features}
}

// Close frees the plan and the parameters. The device stays open.
func (c *Classifier) Close() {
	if c.plan != nil {
		c.plan.Close()
	}
	c.store.Close()
}

// run gives the logits of a batch of pixels: rows of one a class, valid until
// the next run.
func (c *Classifier) run(pixels []float32) ([]float32, error) {
	if c.plan == nil {
		g := nn.NewGraph(c.model.Params, false)
		if err := nn.Build(func() { c.images, c.logits = c.model.logits(g, c.batch) }); err != nil {
			return nil, err
		}
		var err error
		if c.plan, err = engine.Compile(c.dev, c.store, engine.Spec{
			Graph: g, Stages: [][]*nn.Node{{c.logits}}, Features: c.features,
		}); err != nil {
			return nil, engine.Advise(err, "smaller batches (--batch)")
		}
		c.values = make([]float32, c.batch*len(c.model.Classes))
	}
	if err := c.plan.Write(c.images, pixels); err != nil {
		return nil, err
	}
	if err := c.plan.RunAll(); err != nil {
		return nil, err
	}
	return c.values, c.plan.Read(c.logits, c.values)
}

// Prediction is a class and its probability.
type Prediction struct {
	Class       int // from 0
	Probability float64
}

// Classify gives the classes of a picture by falling probability.
func (c *Classifier) Classify(picture *imaging.Image) ([]Prediction, error) {
	size := c.model.Config.Input.Size
	pixels := make([]float32, c.batch*size*size*3)
	c.model.Config.Input.normalize(pixels[:size*size*3], c.model.Config.forTest(picture))
	values, err := c.run(pixels)
	if err != nil {
		return nil, err
	}
	return softmax(values[:len(c.model.Classes)])
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

// The figures of an evaluation: the share of pictures whose class is the most
// probable one, or among the five most probable.
const (
	Top1 = "top1"
	Top5 = "top5"
)

// Figures are the outcome of an evaluation.
type Figures struct {
	Pictures int     `json:"pictures"`
	Skipped  int     `json:"skipped"` // that could not be read
	Top1     float64 `json:"top1"`    // share of the pictures
	Top5     float64 `json:"top5"`
}

// Evaluate measures the classifier on the centre crops of a data set, which must
// have the model's classes. progress, which may be nil, is told how many
// pictures are done.
func (c *Classifier) Evaluate(ctx context.Context, data *Dataset, skipped *Skipped, progress func(done int)) (f Figures, err error) {
	if !slices.Equal(data.Classes, c.model.Classes) {
		return f, fmt.Errorf("%s: its %d classes are not the model's %d", data.Path, len(data.Classes), len(c.model.Classes))
	}
	loader := newTestLoader(c.model.Config, data, c.batch, skipped)
	defer loader.Close()
	var first, five int
	for done := 0; ; {
		b, err := loader.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f, err
		}
		logits, err := c.run(b.Pixels)
		if err != nil {
			return f, fmt.Errorf("%v: %w", b.Names, err)
		}
		for i, label := range b.Labels {
			if label < 0 {
				continue
			}
			f.Pictures++
			switch r := rank(logits[i*len(c.model.Classes):(i+1)*len(c.model.Classes)], int(label)); {
			case r == 0:
				first, five = first+1, five+1
			case r < 5:
				five++
			}
		}
		if done = min(done+c.batch, data.Len()); progress != nil {
			progress(done)
		}
	}
	f.Skipped = data.Len() - f.Pictures
	if f.Pictures == 0 {
		return f, fmt.Errorf("%s: none of its %d pictures can be read", data.Path, data.Len())
	}
	f.Top1, f.Top5 = float64(first)/float64(f.Pictures), float64(five)/float64(f.Pictures)
	return f, nil
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
