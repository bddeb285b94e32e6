package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// step makes one optimiser step from Config.Accumulate batches. Only the first batch
// can be abandoned, because it changes running statistics.
func (l *Loop[B]) step(ctx context.Context) error {
	if l.together != nil {
		return l.stepTogether(ctx)
	}
	began, lr := l.clock(), l.lr()
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
	if l.state.Pace != nil {
		l.spend()
	}
	return l.stepped(lr, batches, len(images), l.clock().Sub(began), waited)
}

// stepped does what follows a step of the optimiser.
func (l *Loop[B]) stepped(lr float64, batches, images int, took, waited time.Duration) error {
	if l.ema != nil {
		if err := l.ema.Update(l.state.Step); err != nil {
			return err
		}
	}
	l.state.Step++
	l.state.Batch += batches
	l.mean.images += images
	l.mean.time(took, waited)
	if p := l.state.Pace; p != nil {
		p.EvaluationSteps = float64(l.EvaluationImages) / float64(images)
		p.stepped(took.Seconds(), l.state.Step, l.Config.EvalEpochs > 0)
	}
	return l.report(lr)
}

// firstBatch is batch, but is abandoned without any change when Grace is over after
// the end of the context.
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

// batch adds the next batch of the source to the current step. It returns the names
// of its images and the time spent waiting for them.
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

// optimizerStep makes the optimiser step, or skips it if scaled gradients are NaN or infinite.
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

// backward adds a batch to the current step.
func (l *Loop[B]) backward(ctx context.Context, batch B, batches int) error {
	result, err := l.Model.Backward(ctx, batch, float32(l.state.Scale.factor()))
	if err != nil {
		return fmt.Errorf("step %d: %w", l.state.Step+1, err)
	}
	if err := l.Model.UpdateRunning(result.Moments); err != nil {
		return fmt.Errorf("step %d: %w", l.state.Step+1, err)
	}
	if err := l.finiteLosses(result.Losses, l.Model.Images(batch)); err != nil {
		return err
	}
	l.state.Mean.add(result.Losses, 1/float64(batches))
	return l.optimizer.Accumulate(result.Grads)
}

// finiteLosses returns an error if a loss of a batch is NaN or infinite.
func (l *Loop[B]) finiteLosses(losses []Metric, images []string) error {
	for _, loss := range losses {
		if math.IsNaN(loss.Value) || math.IsInf(loss.Value, 0) {
			return &NonFiniteError{Step: l.state.Step + 1, Loss: loss, Images: images}
		}
	}
	return nil
}
