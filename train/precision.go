package train

import (
	"fmt"

	"scalenet/engine"
)

// Precision is the type in which a training computes features and their gradients. Parameters, their gradients, momentum, the
// statistics of norms and losses are float32 in any case.
type Precision string

// The precisions. Float16 is for GPUs: its gradients are those of scaled losses.
const (
	Float32  Precision = "float32"
	BFloat16 Precision = "bfloat16"
	Float16  Precision = "float16"
)

// Features is the element type.
func (p Precision) Features() engine.DType {
	switch p {
	case BFloat16:
		return engine.BFloat16
	case Float16:
		return engine.Float16
	}
	return engine.Float32
}

// On is nil if a device can train in the precision, else an error that names the key.
func (p Precision) On(dev engine.Device) error {
	if err := dev.Capabilities().Supports(p.Features()); err != nil {
		return fmt.Errorf("train.precision is %s: %w", p, err)
	}
	return nil
}

// LossScale is what a float16 training multiplies its losses by, so that small gradients are not rounded to zero: as large as the
// gradients stay finite. As PyTorch's GradScaler does it, a step whose gradients are not finite is left out and halves the scale; it is
// doubled after 2000 good ones. Powers of two change no bits of what is finite.
type LossScale struct {
	Factor float64 `json:"factor"`
	Good   int     `json:"good"` // steps since the last change
}

const (
	firstScale = 1 << 16
	minScale   = 1 // the losses themselves
	goodSteps  = 2000
)

// newLossScale is nil but for float16.
func newLossScale(p Precision) *LossScale {
	if p != Float16 {
		return nil
	}
	return &LossScale{Factor: firstScale}
}

// update takes in whether a step's gradients were finite, and says whether training can go on.
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

// factor is 1 without a scale.
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
