package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"scalenet/checkpoint"
	"scalenet/engine"
)

// Model is what a loop trains; B is its batch.
type Model[B any] interface {
	// Params lists the parameters, always the same in the same order.
	Params() []Param
	// Backward computes the losses of a batch, and the gradients of the losses times scale.
	// When the context ends, it may stop with ctx.Err(), having changed nothing but the
	// state of the loop's Rand.
	Backward(ctx context.Context, batch B, scale float32) (Gradients, error)
	// Images names the images of a batch, for errors, and counts them.
	Images(batch B) []string
	// Evaluate measures the model on its validation data. It stops with
	// ctx.Err() when the context ends.
	Evaluate(ctx context.Context) ([]Metric, error)
	// Tensors are those of the model's file and Metadata its text.
	Tensors() ([]checkpoint.Tensor, error)
	Metadata() map[string]string
	// Restore takes back what Tensors gave.
	Restore(f *checkpoint.File) error
	// Changed is called after the loop has changed values otherwise than by a
	// step (averages swapped in or out). A model that has copies elsewhere, such
	// as running statistics on the host, renews them from the device.
	Changed() error
}

// Gradients is the outcome of a batch: the losses, whose sum is minimised, and
// the (scaled) gradients of Params, nil where the batch has none. Their memory lasts
// until the next call of Backward.
type Gradients struct {
	Losses []Metric
	Grads  []engine.Memory
}

// Metric is a named figure: a loss, or a result of an evaluation. A slash in
// the name, as in "AP/cell", makes it a detail: logged, but not told on the
// way.
type Metric struct {
	Name  string
	Value float64
}

// Source yields the batches of an epoch, the same ones in the same order
// whenever it is asked for the same epoch.
type Source[B any] interface {
	// Batches is the number of batches in every epoch, at least 1.
	Batches() int
	// Seek makes Next begin with a batch, counted from 0, of an epoch.
	Seek(epoch, batch int) error
	// Next returns the next batch of the epoch, or io.EOF after its last.
	Next(ctx context.Context) (B, error)
}

// Loop trains a model. Config, Device, Model, Source and Dir must be set.
type Loop[B any] struct {
	Config Config
	Device Device
	Model  Model[B]
	Source Source[B]
	// Rand is the source of random numbers that the model draws from while
	// training; nil when it draws none.
	Rand *Rand
	// Dir is the folder of the run, made when it isn't there. Hold it with
	// [LockFolder] where other processes may want it.
	Dir string
	// Described is the whole configuration, of the model too, as the text of
	// config.yaml; "" writes none.
	Described string
	// Data are digests of the data by what they are for ("training",
	// "validation"): a run is resumed with the same ones.
	Data map[string]string
	// Progress is told about everything; nil for silence.
	Progress *Progress
	// OnEpochEnd is called after each epoch, when the run is saved; nil for
	// nothing. Its error ends the run.
	OnEpochEnd func() error

	optimizer *Optimizer
	ema       *EMA
	log       *Log
	state     state
	mean      window
	grace     time.Duration // Grace, unless a test sets it
}

// Grace is how long a step that is under way when the context ends has to end.
// A longer one is abandoned, and done again on resume.
const Grace = 10 * time.Second

// errAbandoned says that the context ended a step before it changed anything.
var errAbandoned = errors.New("the step is abandoned")

// Run trains from the beginning, or continues the run in Dir. Without resume a
// folder that has a run is an error and is left as it is.
//
// It returns an [*InterruptedError] when the context ended and the run was
// saved, a [*NonFiniteError] when a loss was not finite, and an [*OverflowError]
// when the gradients of a float16 run were not, without a loss scale to blame.
func (l *Loop[B]) Run(ctx context.Context, resume bool) (err error) {
	if err := l.start(resume); err != nil {
		return err
	}
	defer func() {
		l.Progress.finish()
		l.optimizer.Close()
		if l.ema != nil {
			l.ema.Close()
		}
		err = errors.Join(err, l.log.Close())
	}()
	if err := l.Source.Seek(l.state.Epoch, l.state.Batch); err != nil {
		return err
	}
	for {
		if ctx.Err() != nil {
			return l.interrupt()
		}
		if l.state.Batch < l.Source.Batches() {
			if err := l.step(ctx); errors.Is(err, errAbandoned) {
				return l.interrupt()
			} else if err != nil {
				return err
			}
			if n := l.Config.SaveSteps; n > 0 && l.state.Step%n == 0 && l.state.Batch < l.Source.Batches() {
				if err := l.save(); err != nil {
					return err
				}
			}
			continue
		}
		done, err := l.endEpoch(ctx)
		if done || err != nil {
			return err
		}
	}
}

// endEpoch evaluates when it is time to, saves, and moves on to the next epoch.
func (l *Loop[B]) endEpoch(ctx context.Context) (done bool, err error) {
	last := l.state.Epoch+1 >= l.Config.Epochs
	if l.state.Done {
		return true, nil
	}
	if n := l.Config.EvalEpochs; n > 0 && (last || (l.state.Epoch+1)%n == 0) {
		if err := l.saveFirst(); err != nil {
			return false, err
		}
		if err := l.evaluate(ctx); err != nil {
			if ctx.Err() != nil {
				return false, l.interrupt()
			}
			return false, err
		}
	}
	if last {
		l.state.Done = true
	} else {
		l.state.Epoch, l.state.Batch = l.state.Epoch+1, 0
	}
	if err := l.save(); err != nil {
		return false, err
	}
	if l.OnEpochEnd != nil {
		if err := l.OnEpochEnd(); err != nil {
			return false, err
		}
	}
	if last {
		return true, nil
	}
	return false, l.Source.Seek(l.state.Epoch, 0)
}

// saveFirst saves a run that has no state yet. So no other file of models and no
// evaluation is ever there without a state, and a folder without any is safe to
// start in again.
func (l *Loop[B]) saveFirst() error {
	if _, err := os.Stat(filepath.Join(l.Dir, StateFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.save()
}

// stepsPerEpoch counts optimiser steps.
func (l *Loop[B]) stepsPerEpoch() int {
	return (l.Source.Batches() + l.Config.Accumulate - 1) / l.Config.Accumulate
}

// totalSteps is the length of the run.
func (l *Loop[B]) totalSteps() int { return l.stepsPerEpoch() * l.Config.Epochs }

// step makes one optimiser step from as many batches as it takes. The first of
// them can be abandoned; after it, running statistics have changed.
func (l *Loop[B]) step(ctx context.Context) error {
	began := time.Now()
	lr := l.Config.LR * l.Config.Schedule.Factor(l.state.Step, l.stepsPerEpoch(), l.totalSteps())
	batches := min(l.Config.Accumulate, l.Source.Batches()-l.state.Batch)
	var waited time.Duration
	var images []string
	l.optimizer.Scaled(l.state.Scale.factor())
	for i := range batches {
		next, until := l.batch, context.WithoutCancel(ctx)
		if i == 0 {
			next, until = l.firstBatch, ctx
		}
		names, wait, err := next(until, batches)
		if err != nil {
			return err
		}
		images, waited = append(images, names...), waited+wait
	}
	if err := l.optimizerStep(lr, images); err != nil {
		return err
	}
	if l.ema != nil {
		if err := l.ema.Update(l.state.Step); err != nil {
			return err
		}
	}
	l.state.Step++
	l.state.Batch += batches
	l.mean.images += len(images)
	l.mean.time(time.Since(began), waited)
	return l.report(lr)
}

// firstBatch is batch that is abandoned, without a trace, when the context has
// ended and the time of grace is over.
func (l *Loop[B]) firstBatch(ctx context.Context, batches int) (images []string, waited time.Duration, err error) {
	var random []byte
	if l.Rand != nil {
		if random, err = l.Rand.MarshalBinary(); err != nil {
			return nil, 0, err
		}
	}
	within, release := graceful(ctx, cmp.Or(l.grace, Grace))
	defer release()
	images, waited, err = l.batch(within, batches)
	if err == nil || within.Err() == nil || !errors.Is(err, within.Err()) {
		return images, waited, err
	}
	if l.Rand != nil {
		if err := l.Rand.UnmarshalBinary(random); err != nil {
			return nil, 0, err
		}
	}
	return nil, 0, errAbandoned
}

// graceful returns a context that ends some time after another one.
func graceful(ctx context.Context, grace time.Duration) (context.Context, func()) {
	within, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(grace):
			cancel()
		case <-within.Done():
		}
	})
	return within, func() { stop(); cancel() }
}

// batch adds the source's next batch to the coming step. It gives the names of
// its images and how long it waited for them.
func (l *Loop[B]) batch(ctx context.Context, batches int) (images []string, waited time.Duration, err error) {
	asked := time.Now()
	batch, err := l.Source.Next(ctx)
	waited = time.Since(asked)
	if err == io.EOF {
		err = fmt.Errorf("epoch %d ended after %d of %d batches", l.state.Epoch, l.state.Batch, l.Source.Batches())
	}
	if err != nil {
		return nil, waited, err
	}
	return l.Model.Images(batch), waited, l.backward(ctx, batch, batches)
}

// optimizerStep makes the optimiser's step, unless gradients of scaled losses are not finite.
func (l *Loop[B]) optimizerStep(lr float64, images []string) error {
	if scale := l.state.Scale; scale != nil {
		norm, err := l.optimizer.GradNorm()
		if err != nil {
			return fmt.Errorf("step %d: %w", l.state.Step+1, err)
		}
		finite := !math.IsNaN(norm) && !math.IsInf(norm, 0)
		if !scale.update(finite) {
			return &OverflowError{Step: l.state.Step + 1, Images: images}
		}
		if !finite {
			l.optimizer.Skip()
			return nil
		}
	}
	if err := l.optimizer.Step(lr); err != nil {
		return fmt.Errorf("step %d: %w", l.state.Step+1, err)
	}
	return nil
}

// backward adds a batch to the coming step.
func (l *Loop[B]) backward(ctx context.Context, batch B, batches int) error {
	result, err := l.Model.Backward(ctx, batch, float32(l.state.Scale.factor()))
	if err != nil {
		return fmt.Errorf("step %d: %w", l.state.Step+1, err)
	}
	for _, loss := range result.Losses {
		if math.IsNaN(loss.Value) || math.IsInf(loss.Value, 0) {
			return &NonFiniteError{Step: l.state.Step + 1, Loss: loss, Images: l.Model.Images(batch)}
		}
	}
	l.state.Mean.add(result.Losses, 1/float64(batches))
	return l.optimizer.Accumulate(result.Grads)
}

// report tells progress and, every few steps, the log.
func (l *Loop[B]) report(lr float64) error {
	l.state.Mean.Steps++
	row := Row{Step: l.state.Step, Epoch: l.state.Epoch + 1, LR: lr, Losses: l.state.Mean.losses()}
	row.ImagesPerSecond, row.DataWait = l.mean.rates()
	l.Progress.step(row, l.totalSteps(), l.Config.Epochs)
	if l.state.Step%l.Config.LogSteps != 0 && l.state.Step != l.totalSteps() {
		return nil
	}
	l.state.Mean, l.mean = meanLoss{}, window{}
	return l.log.Train(row)
}

// evaluate measures the model, the averaged one if there is one, and keeps it
// when it is the best. A model with a parameter that is not finite is not measured.
func (l *Loop[B]) evaluate(ctx context.Context) error {
	if err := l.finite(); err != nil {
		return err
	}
	return l.averaged(func() error {
		metrics, err := l.Model.Evaluate(ctx)
		if err != nil {
			return err
		}
		value, ok := find(metrics, l.Config.Best)
		if !ok {
			return fmt.Errorf("best is %q, which is none of the figures %v", l.Config.Best, metrics)
		}
		row := EvalRow{Step: l.state.Step, Epoch: l.state.Epoch + 1, Metrics: metrics}
		if !math.IsNaN(value) && (l.state.Best == nil || value > *l.state.Best) {
			if err := l.saveModel(bestFile); err != nil {
				return err
			}
			l.state.Best, row.Best = &value, true
		}
		l.Progress.evaluated(row)
		return l.log.Eval(row)
	})
}

// averaged calls f while the model has the averaged weights, if there are any.
func (l *Loop[B]) averaged(f func() error) (err error) {
	if l.ema == nil {
		return f()
	}
	swap := func() error { return errors.Join(l.ema.Swap(), l.Model.Changed()) }
	if err := swap(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, swap()) }()
	return f()
}

func find(metrics []Metric, name string) (float64, bool) {
	for _, m := range metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// interrupt saves the run and says so.
func (l *Loop[B]) interrupt() error {
	if err := l.save(); err != nil {
		return err
	}
	return &InterruptedError{Step: l.state.Step, Dir: l.Dir}
}
