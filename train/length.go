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
		s.Pace.Budget = l.Config.Budget.Seconds()
		l.before = s.Pace.Spent
	}
	longer := l.Config.Epochs > s.Config.Epochs || l.Config.Budget > s.Config.Budget
	switch {
	case l.Config.Epochs < s.Epoch+1 && l.Config.Epochs != s.Config.Epochs:
		return fmt.Errorf("train.epochs = %d: the run is in epoch %d", l.Config.Epochs, s.Epoch+1)
	case s.Done && longer:
		s.Done = false
		if s.Batch >= s.Batches {
			s.Epoch, s.Batch = s.Epoch+1, 0
		}
	}
	s.Config = l.Config
	return nil
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
