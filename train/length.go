package train

import (
	"fmt"
	"time"
)

// stepsPerEpoch returns the number of optimiser steps per epoch.
func (l *Loop[B]) stepsPerEpoch() int {
	return (l.Source.Batches() + l.Config.Accumulate - 1) / l.Config.Accumulate
}

// totalSteps returns the number of optimiser steps of the run.
func (l *Loop[B]) totalSteps() int {
	if p := l.state.Pace; p != nil && p.Total > 0 {
		return p.Total
	}
	return l.stepsPerEpoch() * l.Config.Epochs
}

// epochs returns the number of epochs of the run.
func (l *Loop[B]) epochs() int {
	return (l.totalSteps() + l.stepsPerEpoch() - 1) / l.stepsPerEpoch()
}

// lr returns the learning rate of the next step.
func (l *Loop[B]) lr() float64 {
	if p := l.state.Pace; p != nil {
		return l.Config.LR * p.factor(l.Config.Schedule, l.state.Step)
	}
	return l.Config.LR * l.Config.Schedule.Factor(l.state.Step, l.stepsPerEpoch(), l.totalSteps())
}

// last reports whether the current epoch is the last.
func (l *Loop[B]) last() bool {
	if l.state.Pace != nil {
		return l.ended()
	}
	return l.state.Epoch+1 >= l.Config.Epochs
}

// ended reports whether the run ends within the current epoch.
func (l *Loop[B]) ended() bool {
	return l.state.Done || l.state.Pace != nil && l.state.Pace.ended(l.state.Step)
}

// evaluationDue reports whether the end of the epoch is followed by an evaluation.
func (l *Loop[B]) evaluationDue(last bool) bool {
	n := l.Config.EvalEpochs
	switch {
	case n == 0 || last:
		return n > 0
	case l.state.Pace != nil:
		return l.state.Pace.due()
	}
	return (l.state.Epoch+1)%n == 0
}

func (l *Loop[B]) losesPatience() bool {
	return l.Config.Patience > 0 && l.state.Stale >= l.Config.Patience
}

// lengthen applies a length that differs from that of the saved state.
func (l *Loop[B]) lengthen() error {
	s := &l.state
	switch {
	case l.Config.Budget == 0:
		s.Pace = nil
	case s.Pace == nil:
		s.Pace = newPace(l.Config)
	default:
		l.before = s.Pace.Spent
		if s.Pace.Budget = l.Config.Budget.Seconds(); l.Config.Budget != s.Config.Budget {
			s.Pace.replan(s.Step, l.Config.EvalEpochs > 0, s.Done)
		}
	}
	if l.Config.Epochs < s.Epoch+1 && l.Config.Epochs != s.Config.Epochs {
		return fmt.Errorf("train.epochs = %d: the run is in epoch %d", l.Config.Epochs, s.Epoch+1)
	}
	if s.Done && l.goesOn() {
		s.Done = false
		if s.Batch >= s.Batches {
			l.nextEpoch()
		}
	}
	s.Config = l.Config
	return nil
}

// goesOn reports whether a complete run has more to do: it is longer than before, or it ended for want of a patience that is now larger.
func (l *Loop[B]) goesOn() bool {
	was, now, stale := l.state.Config, l.Config, l.state.Stale
	longer := now.Epochs > was.Epochs || now.Budget > was.Budget
	lostPatience := was.Patience > 0 && stale >= was.Patience
	if !longer && !(lostPatience && (now.Patience == 0 || now.Patience > stale)) {
		return false
	}
	if p := l.state.Pace; p != nil {
		return !p.ended(l.state.Step)
	}
	return l.state.Epoch+1 < now.Epochs
}

// nextEpoch moves the state to the beginning of the next epoch.
func (l *Loop[B]) nextEpoch() {
	l.state.Epoch, l.state.Batch = l.state.Epoch+1, 0
	if p := l.state.Pace; p != nil {
		p.Began = p.share(l.state.Step)
	}
}

// Paced is a [Source] whose batches depend on how much of the run was done when their epoch began. The number of an epoch does not say that if the run
// has a budget.
type Paced interface {
	// SetDone is called before Seek, with the share from 0 to 1.
	SetDone(share float64)
}

// seek makes the source continue with the next batch of the state.
func (l *Loop[B]) seek() error {
	if s, ok := any(l.Source).(Paced); ok && l.state.Pace != nil {
		s.SetDone(l.state.Pace.Began)
	}
	return l.Source.Seek(l.state.Epoch, l.state.Batch)
}

// timeLeft returns the time that a run with a budget has left, 0 for other runs.
func (l *Loop[B]) timeLeft() time.Duration {
	p := l.state.Pace
	if p == nil || p.Total == 0 {
		return 0
	}
	return time.Duration(max(0, p.Budget-p.Spent) * float64(time.Second))
}

// spend updates the time that a run with a budget has taken.
func (l *Loop[B]) spend() {
	l.state.Pace.Spent = l.before + l.clock().Sub(l.Began).Seconds()
}
