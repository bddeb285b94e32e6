package classify

import (
	"context"
	"fmt"

	"scalenet/collective"
	"scalenet/internal/pending"
)

// The names of the metrics of an evaluation: top-1 and top-5 accuracy.
const (
	Top1 = "top1"
	Top5 = "top5"
)

// Metrics is the result of an evaluation. Accuracies are from 0 to 1.
type Metrics struct {
	Images  int     `json:"images"`
	Skipped int     `json:"skipped"` // images that could not be read
	Top1    float64 `json:"top1"`    // fraction of images whose label has the highest probability
	Top5    float64 `json:"top5"`    // ... one of the five highest
}

// EvaluateOptions are options of Classifier.Evaluate.
type EvaluateOptions struct {
	// Skipped records images that cannot be read; nil makes them an error.
	Skipped *Skipped
	// Group is the processes that share the batches; nil is this process alone. Each gets the same result.
	Group *collective.Group
	// Progress, if not nil, is called with the number of images done, by all processes as far as this one can tell.
	Progress func(done int)
}

// Evaluate evaluates the classifier on the centre crops of a dataset, which must have
// the classes of the model.
func (d *deviceModel) Evaluate(ctx context.Context, data *Dataset, o EvaluateOptions) (f Metrics, err error) {
	if err := data.CheckClasses("the model", d.model.Classes); err != nil {
		return f, err
	}
	loader := newTestLoader(d.model.Config, data, d.batch, o.Skipped)
	defer loader.Close()
	batch := d.batch
	if g := o.Group; g != nil {
		loader.Take(func(batch int) bool { return batch%g.Size() == g.Rank() })
		batch *= g.Size()
	}
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
			if done = min(done+batch, data.Len()); o.Progress != nil {
				o.Progress(done)
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
	if correct, err = correct.together(o.Group, o.Skipped); err != nil {
		return f, err
	}
	return correct.metrics(data)
}

// tally counts images, and those with the label ranked first or in the first five.
type tally struct{ Images, First, Five int }

// add counts the images of a batch with logits [batch, classes]. A label of -1 is padding.
func (t *tally) add(b *Batch, logits []float32, classes int) {
	for i, label := range b.Labels {
		if label < 0 {
			continue
		}
		r := rank(logits[i*classes:(i+1)*classes], int(label))
		t.Images++
		if r == 0 {
			t.First++
		}
		if r < 5 {
			t.Five++
		}
	}
}

func (t *tally) metrics(data *Dataset) (f Metrics, err error) {
	if t.Images == 0 {
		return f, fmt.Errorf("%s: none of its %d images can be read", data.Path, data.Len())
	}
	of := float64(t.Images)
	return Metrics{t.Images, data.Len() - t.Images, float64(t.First) / of, float64(t.Five) / of}, nil
}

// rank returns how many classes are ranked before a class: those with a larger logit,
// or an equal logit and a smaller index. NaN is ranked last.
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
