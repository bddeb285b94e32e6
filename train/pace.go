package train

import (
	"fmt"
	"math"
)

// pace plans the steps of a run with a time budget. It measures steps and
// evaluations and corrects the plan after each step, so that the run ends in time
// with a complete schedule. All times are in seconds.
type pace struct {
	Budget float64 `json:"budget"`
	// Spent is the time since the start of the run, without the time between an
	// interruption and the resume.
	Spent float64 `json:"spent"`
	// Total is the number of steps that fit; 0 before the first measurement.
	Total int `json:"total"`
	// Warmup is the number of warm-up steps, fixed by the first plan.
	Warmup int `json:"warmup"`
	// Position in the schedule after the warm-up, from 0 to 1.
	Position float64 `json:"position"`
	// Step and Evaluation are the times of one of each; 0 before the first.
	Step       float64 `json:"step"`
	Evaluation float64 `json:"evaluation"`
	// EvaluationSteps is the number of steps that see as many images as an evaluation.
	EvaluationSteps float64 `json:"evaluation_steps"`
	// Began is the share of the run, from 0 to 1, that was done when the current epoch began.
	Began float64 `json:"began,omitempty"`
	// Evaluated is Spent at the end of the last evaluation.
	Evaluated float64 `json:"evaluated"`
	// Measured is the number of steps that were measured.
	Measured int `json:"measured"`
}

const (
	// unmeasuredSteps are the first steps, which compile plans and touch their memory.
	unmeasuredSteps = 2
	// paceEvaluations is the number of evaluations that a budget is divided by.
	paceEvaluations = 10
	// evaluationCost is the time of an evaluation per image, in training steps per image, until
	// one has been measured.
	evaluationCost = 0.4
)

// newPace returns the pace of a new run; nil without a budget.
func newPace(c Config) *pace {
	if c.Budget == 0 {
		return nil
	}
	return &pace{Budget: c.Budget.Seconds(), Warmup: c.Schedule.WarmupSteps}
}

// stepped notes the time of a step and plans again. done is the number of steps
// done, including this one.
func (p *pace) stepped(seconds float64, done int, evaluates bool) {
	p.Measured++
	switch {
	case p.Measured <= unmeasuredSteps:
		return
	case p.Step == 0:
		p.Step = seconds
	case seconds < 4*p.Step: // a longer one has compiled a plan, or the machine slept
		p.Step += 0.1 * (seconds - p.Step)
	}
	first := p.Total == 0
	p.Total = done + p.stepsLeft(evaluates)
	if first {
		p.Warmup = min(p.Warmup, p.Total/10)
	}
	if done > p.Warmup {
		p.Position += (1 - p.Position) / float64(max(1, p.Total-done+1))
	}
}

// stepsLeft returns the number of further steps that fit.
func (p *pace) stepsLeft(evaluates bool) int {
	left := p.Budget - p.Spent
	if evaluates {
		evaluation := p.Evaluation
		if evaluation == 0 {
			evaluation = min(evaluationCost*p.EvaluationSteps*p.Step, p.Budget/2)
		}
		between := math.Floor(left / (p.Budget/paceEvaluations + evaluation))
		left -= evaluation * (1 + between)
	}
	return max(0, int(left/math.Max(p.Step, 1e-6)))
}

// replan plans again after the budget has changed. A run that was complete is at the end of its schedule, and goes back to where its steps are in the
// longer one.
func (p *pace) replan(done int, evaluates, complete bool) {
	if p.Total == 0 {
		return
	}
	p.Total = done + p.stepsLeft(evaluates)
	if complete && p.Total > done {
		p.Position = max(0, float64(done-p.Warmup)/float64(p.Total-p.Warmup))
	}
}

// share returns the share of the run that is done.
func (p *pace) share(done int) float64 {
	if p.Total == 0 {
		return 0
	}
	return min(1, float64(done)/float64(p.Total))
}

// due reports whether an evaluation is due at the end of an epoch.
func (p *pace) due() bool { return p.Spent-p.Evaluated >= p.Budget/paceEvaluations }

// ended reports whether no further step fits.
func (p *pace) ended(done int) bool {
	return done > 0 && (p.Total > 0 && done >= p.Total || p.Spent >= p.Budget)
}

// factor returns the factor of the learning rate in a step, counted from 0.
func (p *pace) factor(s Schedule, step int) float64 {
	s.WarmupSteps = p.Warmup
	if step < p.Warmup {
		return s.Factor(step, 1, p.Warmup+1)
	}
	return s.cosine(p.Position)
}

func (p *pace) validate() error {
	if p == nil {
		return nil
	}
	for _, v := range []float64{p.Budget, p.Spent, p.Step, p.Evaluation, p.EvaluationSteps, p.Evaluated, p.Position, p.Began} {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("state of the run: pace %+v", *p)
		}
	}
	return nil
}
