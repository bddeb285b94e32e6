package train

import (
	"scalenet/engine"
)

// The optimisers, as [Config.Optimizer] names them.
const (
	SGD   = "sgd"
	AdamW = "adamw"
)

// updateRule updates a parameter, with coefficients that are the same in all steps.
type updateRule interface {
	// update makes a step on a device.
	update(c coefficients) engine.UpdateRule
	// state names the state arrays of a parameter.
	state() []string
	// countsSteps says whether update depends on the step count, which is then part
	// of the state.
	countsSteps() bool
}

// coefficients are the coefficients of one step of one parameter.
type coefficients struct {
	lr, decay, l1, gradScale float64
	step                     int // from 1; a step without a gradient does not count
}

// updateRule returns the rule of the configured optimiser.
func (c Config) updateRule() updateRule {
	if c.Optimizer == AdamW {
		return adamW{c.Betas, c.Eps}
	}
	return sgd{c.Momentum}
}

type sgd struct{ momentum float64 }

func (r sgd) update(c coefficients) engine.UpdateRule {
	return engine.SGDUpdate{LR: float32(c.lr), Momentum: float32(r.momentum), Decay: float32(c.decay), L1: float32(c.l1), GradScale: float32(c.gradScale)}
}

func (sgd) state() []string   { return engine.SGDUpdate{}.State() }
func (sgd) countsSteps() bool { return false }

type adamW struct {
	betas [2]float64
	eps   float64
}

func (r adamW) update(c coefficients) engine.UpdateRule {
	return engine.AdamWUpdate{LR: c.lr, Beta1: r.betas[0], Beta2: r.betas[1], Eps: r.eps, Decay: c.decay, GradScale: c.gradScale, Step: c.step}
}

func (adamW) state() []string   { return engine.AdamWUpdate{}.State() }
func (adamW) countsSteps() bool { return true }
