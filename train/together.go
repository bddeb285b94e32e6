package train

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"time"

	"scalenet/collective"
	"scalenet/engine"
)

// together is a process's part of a run of several processes: some of the batches of each step. All processes make the same steps, with the same bits
// as one process; the first writes the files.
type together struct{ sum groupSum }

// part is what a process has done in a step: for each of its batches the losses, the moments and the images.
type part struct {
	Losses  [][]Metric
	Moments [][]engine.Moments
	Images  [][]string
	// Failed is the error that ends the run, Stop and Save that the process was asked to stop or to save.
	Failed     string
	Stop, Save bool
	// Took and Waited are the time of the batches and of waiting for their data, Spent that of a run with a budget.
	Took, Waited time.Duration
	Spent        float64
}

// join prepares a run of several processes.
func (l *Loop[B]) join() error {
	if l.alone() {
		return nil
	}
	n := l.Group.Size()
	if l.Config.Accumulate < n {
		return fmt.Errorf("train.accumulate = %d: a step is shared out by its batches, and %d processes need at least %d: give train.accumulate=%d and a batch that is smaller by as much "+
			"(the moments of norms and the counts of losses are then those of the smaller batch)", l.Config.Accumulate, n, n, n)
	}
	if l.state.Version <= sequentialVersion {
		return fmt.Errorf("%s: the run was begun by an earlier version of this program, and goes on in one process only", l.Dir)
	}
	source, ok := l.Source.(interface{ Take(func(batch int) bool) })
	if !ok {
		return errors.New("the source of batches cannot be shared out")
	}
	sum, err := l.groupSum()
	if err != nil {
		return err
	}
	first, end := sum.Places()
	source.Take(func(batch int) bool {
		place := batch % l.Config.Accumulate
		return first <= place && place < end
	})
	l.together = &together{sum}
	return nil
}

// alone reports whether the run has one process.
func (l *Loop[B]) alone() bool { return l.Group == nil || l.Group.Size() == 1 }

// writes reports whether this process writes the files of the run.
func (l *Loop[B]) writes() bool { return l.Group == nil || l.Group.Rank() == 0 }

// stepTogether is step for several processes.
func (l *Loop[B]) stepTogether(ctx context.Context) error {
	l.Group.SetStep(fmt.Sprintf("step %d", l.state.Step+1))
	lr := l.lr()
	batches := min(l.Config.Accumulate, l.Source.Batches()-l.state.Batch)
	l.together.sum.begin(batches)
	mine := l.ownPart(ctx, batches)
	if err := l.together.sum.settle(); err != nil {
		return err
	}
	parts, err := exchangeParts(l.Group, mine)
	if err != nil {
		return err
	}
	l.stopped, l.saving = false, false
	for rank, p := range parts {
		l.stopped, l.saving = l.stopped || p.Stop, l.saving || p.Save
		if p.Failed != "" {
			return &RankError{rank, l.Group.HostOf(rank), p.Failed}
		}
	}
	images, err := l.takeParts(parts, batches)
	if err != nil {
		return err
	}
	if err := l.together.sum.finish(batches); err != nil {
		return err
	}
	if err := l.optimizerStep(lr, images); err != nil {
		return err
	}
	return l.stepped(lr, batches, len(images), parts[0].Took, parts[0].Waited)
}

// ownPart runs the batches of this process, and says how that went.
func (l *Loop[B]) ownPart(ctx context.Context, batches int) (p part) {
	began := l.clock()
	if err := l.ownBatches(context.WithoutCancel(ctx), batches, &p); err != nil { // all processes finish the step
		p.Failed = err.Error()
	}
	p.Stop, p.Took = ctx.Err() != nil, l.clock().Sub(began)
	p.Save = l.SaveAsked != nil && l.SaveAsked()
	if l.state.Pace != nil {
		l.spend()
		p.Spent = l.state.Pace.Spent
	}
	return p
}

// ownBatches runs the batches of this process and adds their gradients.
func (l *Loop[B]) ownBatches(ctx context.Context, batches int, p *part) error {
	first, end := l.together.sum.Places()
	for place := first; place < min(end, batches); place++ {
		asked := l.clock()
		batch, err := l.Source.Next(ctx)
		p.Waited += l.clock().Sub(asked)
		if err == io.EOF {
			err = fmt.Errorf("epoch %d has ended before its batch %d", l.state.Epoch, l.state.Batch+place)
		}
		if err != nil {
			return err
		}
		result, err := l.Model.Backward(ctx, batch, float32(l.state.Scale.factor()))
		if err != nil {
			return fmt.Errorf("step %d: %w", l.state.Step+1, err)
		}
		p.Losses, p.Moments, p.Images = append(p.Losses, result.Losses), append(p.Moments, result.Moments), append(p.Images, l.Model.Images(batch))
		if err := l.together.sum.add(place, result.Grads); err != nil {
			return err
		}
	}
	return nil
}

// exchangeParts returns the parts of all processes, by rank.
func exchangeParts(g *collective.Group, mine part) ([]part, error) {
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(mine); err != nil {
		return nil, err
	}
	blocks, err := g.AllGather(text.Bytes())
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(blocks))
	for rank, block := range blocks {
		if err := gob.NewDecoder(bytes.NewReader(block)).Decode(&parts[rank]); err != nil {
			return nil, fmt.Errorf("the part of rank %d: %w", rank, err)
		}
	}
	return parts, nil
}

// takeParts updates running statistics and losses in the order of the batches. It returns the images of the step.
func (l *Loop[B]) takeParts(parts []part, batches int) (images []string, err error) {
	for _, p := range parts {
		for i, losses := range p.Losses {
			images = append(images, p.Images[i]...)
			if err := l.Model.UpdateRunning(p.Moments[i]); err != nil {
				return nil, fmt.Errorf("step %d: %w", l.state.Step+1, err)
			}
			if err := l.finiteLosses(losses, p.Images[i]); err != nil {
				return nil, err
			}
			l.state.Mean.add(losses, 1/float64(batches))
		}
	}
	if l.state.Pace != nil {
		l.state.Pace.Spent = parts[0].Spent
	}
	return images, nil
}

// agree returns what the first process says.
func (l *Loop[B]) agree(seconds float64) (float64, error) {
	if l.alone() {
		return seconds, nil
	}
	value := []float64{seconds}
	err := l.Group.Broadcast(0, collective.Bytes(value))
	return value[0], err
}
