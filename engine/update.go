package engine

import (
	"fmt"
	"math"
)

// UpdateRule is an optimiser with the coefficients of one step: an [SGDUpdate] or an [AdamWUpdate]. A device has a kernel for each. In the formulas, g is
// GradScale*grad.
type UpdateRule interface {
	// State names the arrays that the rule keeps beside a parameter, each as long
	// as the parameter and zero before the first step, in the order of
	// [Device.Update]. They are PyTorch's names.
	State() []string
}

// SGDUpdate is a step of stochastic gradient descent with momentum as PyTorch
// defines it, with a gradient that also has that of a penalty on absolute values: v = Momentum*v + g + Decay*w + L1*sign(w); w -= LR*v.
type SGDUpdate struct{ LR, Momentum, Decay, L1, GradScale float32 }

// State implements [UpdateRule].
func (SGDUpdate) State() []string { return []string{"momentum_buffer"} }

// AdamWUpdate is a step of AdamW (Loshchilov and Hutter 2019) as PyTorch
// defines it: w *= 1 - LR*Decay; m = Beta1*m + (1-Beta1)*g;
// v = Beta2*v + (1-Beta2)*g*g;
// w -= LR * m/(1-Beta1^Step) / (sqrt(v/(1-Beta2^Step)) + Eps).
//
// The coefficients are float64, because 1-Beta loses digits in float32 if Beta is close to 1.
type AdamWUpdate struct {
	LR, Beta1, Beta2, Eps, Decay, GradScale float64
	// Step counts the steps of this parameter, from 1.
	Step int
}

// State implements [UpdateRule].
func (AdamWUpdate) State() []string { return []string{"exp_avg", "exp_avg_sq"} }

// AdamWCoefficients are those of kernels that compute in float32:
// m += Rest1*(g-m); v = Beta2*v + Rest2*g*g;
// w = Keep*w - StepSize*m/(sqrt(v)*InverseRoot + Eps).
type AdamWCoefficients struct {
	Keep, Rest1, Beta2, Rest2, StepSize, InverseRoot, Eps, GradScale float32
}

// Coefficients returns the coefficients that are the same for all values.
func (u AdamWUpdate) Coefficients() AdamWCoefficients {
	step := float64(u.Step)
	return AdamWCoefficients{
		Keep:  float32(1 - u.LR*u.Decay),
		Rest1: float32(1 - u.Beta1), Beta2: float32(u.Beta2), Rest2: float32(1 - u.Beta2),
		StepSize:    float32(u.LR / (1 - math.Pow(u.Beta1, step))),
		InverseRoot: float32(1 / math.Sqrt(1-math.Pow(u.Beta2, step))),
		Eps:         float32(u.Eps), GradScale: float32(u.GradScale),
	}
}

// CheckUpdate returns an error if the number of states does not match the rule.
func CheckUpdate(rule UpdateRule, state []Memory) error {
	if want := rule.State(); len(state) != len(want) {
		return fmt.Errorf("%T keeps %d arrays beside a parameter, %v, got %d", rule, len(want), want, len(state))
	}
	return nil
}

// NoUpdate returns the error of a device that has no kernel for a rule.
func NoUpdate(rule UpdateRule) error { return fmt.Errorf("no kernel for the update %T", rule) }
