package train

import (
	"fmt"

	"scalenet/engine"
)

// Precision is the type of activations and their gradients in training. Parameters and their gradients, optimiser state, BatchNorm
// statistics and losses are always float32.
type Precision string

// The precisions. Float16 is for GPUs and uses a loss scale.
const (
	Float32  Precision = "float32"
	BFloat16 Precision = "bfloat16"
	Float16  Precision = "float16"
)

// Features returns the element type of activations.
func (p Precision) Features() engine.DType {
	switch p {
	case BFloat16:
		return engine.BFloat16
	case Float16:
		return engine.Float16
	}
	return engine.Float32
}

// On returns an error that names the key if a device cannot train in the precision.
func (p Precision) On(dev engine.Device) error {
	if err := dev.Capabilities().Supports(p.Features()); err != nil {
		return fmt.Errorf("train.precision is %s: %w", p, err)
	}
	return nil
}

// LossScale is the factor of the losses in float16 training, which keeps small gradients from being rounded to zero. As in PyTorch's
// GradScaler, a step with NaN or infinite gradients is skipped and halves the scale, and 2000 good steps in a row double it. Scaling
// by powers of two is exact.
type LossScale struct {
	Factor float64 `json:"factor"`
	Good   int     `json:"good"` // steps since the last change
}

const (
	firstScale = 1 << 16
	minScale   = 1 // the losses themselves
	goodSteps  = 2000
)

// newLossScale returns nil unless p is float16.
func newLossScale(p Precision) *LossScale {
	if p != Float16 {
		return nil
	}
	return &LossScale{Factor: firstScale}
}

// update adapts the scale to whether the gradients of a step were finite. It returns false if the scale cannot be halved further.
func (s *LossScale) update(finite bool) bool {
	switch {
	case !finite && s.Factor <= minScale:
		return false
	case !finite:
		s.Factor, s.Good = max(s.Factor/2, minScale), 0
	default:
		if s.Good++; s.Good == goodSteps {
			s.Factor, s.Good = 2*s.Factor, 0
		}
	}
	return true
}

// factor returns the factor, 1 for nil.
func (s *LossScale) factor() float64 {
	if s == nil {
		return 1
	}
	return s.Factor
}

// validate checks a scale from a file.
func (s *LossScale) validate(p Precision) error {
	switch {
	case (s != nil) != (p == Float16):
		return fmt.Errorf("precision is %s, and there is a loss scale: %v", p, s != nil)
	case s != nil && (!(s.Factor >= minScale) || s.Good < 0 || s.Good >= goodSteps):
		return fmt.Errorf("loss scale %v after %d steps", s.Factor, s.Good)
	}
	return nil
}
