package train

import (
	"fmt"
	"math"
	"slices"

	"scalenet/internal/config"
)

// Schedule is the learning rate schedule, as factors of [Config.LR].
type Schedule struct {
	// Kind is "step" (multiplied by Gamma at each milestone) or "cosine" (half
	// a cosine from the end of the warm-up to the last step).
	Kind string `yaml:"kind" json:"kind" validate:"oneof=step cosine"`
	// Milestones are the epochs, counted from 0, at whose start the learning rate
	// is multiplied by Gamma. Only for "step".
	Milestones []int `yaml:"milestones" json:"milestones" validate:"dive,gte=1"`
	// Gamma is the factor of a milestone. Only for "step".
	Gamma float64 `yaml:"gamma" json:"gamma"`
	// MinFactor is the factor at the end. Only for "cosine".
	MinFactor float64 `yaml:"min_factor" json:"min_factor" validate:"gte=0,lte=1"`
	// WarmupSteps is the number of steps in which the factor grows linearly from
	// WarmupFactor to 1; 0 turns warm-up off.
	WarmupSteps  int     `yaml:"warmup_steps" json:"warmup_steps" validate:"gte=0"`
	WarmupFactor float64 `yaml:"warmup_factor" json:"warmup_factor"`
}

// validate checks keys that depend on other keys.
func (s Schedule) validate() error {
	switch {
	case s.Kind == "step" && len(s.Milestones) > 0 && !(s.Gamma > 0 && s.Gamma <= 1):
		return config.Invalid("train.schedule.gamma", s.Gamma, "in (0, 1]")
	case s.WarmupSteps > 0 && !(s.WarmupFactor > 0 && s.WarmupFactor <= 1):
		return config.Invalid("train.schedule.warmup_factor", s.WarmupFactor, "in (0, 1]")
	case !slices.IsSorted(s.Milestones):
		return config.Invalid("train.schedule.milestones", s.Milestones, "ascending")
	}
	return nil
}

// fits returns an error if the warm-up is longer than the run.
func (s Schedule) fits(steps int) error {
	if s.WarmupSteps > steps {
		return fmt.Errorf("train.schedule.warmup_steps is %d, but the whole run has %d steps: make the warm-up shorter or the run longer (train.epochs)", s.WarmupSteps, steps)
	}
	return nil
}

// Factor returns the factor of the learning rate in a step, counted from 0, of a run
// with total steps and perEpoch steps per epoch.
//
// "step" is PyTorch's MultiStepLR (per epoch) times LinearLR (per step), as in the
// reference training of torchvision's detectors; "cosine" is LinearLR
// followed by CosineAnnealingLR over the remaining steps.
func (s Schedule) Factor(step, perEpoch, total int) float64 {
	warm := 1.0
	if step < s.WarmupSteps {
		warm = s.WarmupFactor + (1-s.WarmupFactor)*float64(step)/float64(s.WarmupSteps)
	}
	if s.Kind == "cosine" {
		span := total - s.WarmupSteps
		if step < s.WarmupSteps || span <= 0 {
			return warm
		}
		return s.cosine(float64(step-s.WarmupSteps) / float64(span))
	}
	factor := warm
	for _, milestone := range s.Milestones {
		if step/max(perEpoch, 1) >= milestone {
			factor *= s.Gamma
		}
	}
	return factor
}

// cosine returns the factor at a position from 0 (the end of the warm-up) to 1.
func (s Schedule) cosine(position float64) float64 {
	return s.MinFactor + (1-s.MinFactor)*(1+math.Cos(math.Pi*position))/2
}
