package recipe

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"scalenet/train"
)

// cosine is the schedule of a recipe.
const cosine = "cosine"

const (
	// seenImages is the number of images, repetitions included, that a training from scratch sees:
	// 58 epochs of 205 images.
	seenImages             = 12_000
	fewestEpochs           = 12
	mostEpochs             = 200
	evaluations            = 15 // of a run, at most
	warmupSteps            = 200
	fewestSteps            = 20 // that a budget must allow
	wantedEpochsOfBudget   = 8
	testTimeOfTrainingTime = 0.3 // inference, of the time of a training step per image
)

// schedule derives epochs, warm-up, evaluations and the weight average.
func (r *Recipe) schedule(l Look, limits Limits) error {
	t := &r.Config.Train
	set(r, "train.schedule.kind", &t.Schedule.Kind, cosine, "ends at a learning rate of 0, whatever the length")
	if limits.Budget > 0 {
		if err := r.budget(l, limits); err != nil {
			return err
		}
	} else {
		epochs := min(max(seenImages/l.Images, fewestEpochs), mostEpochs)
		set(r, "train.epochs", &t.Epochs, epochs, fmt.Sprintf("%d images, repetitions included, from %d to %d epochs", seenImages, fewestEpochs, mostEpochs))
	}
	steps := t.Epochs * r.stepsPerEpoch(l)
	set(r, "train.schedule.warmup_steps", &t.Schedule.WarmupSteps, min(warmupSteps, steps/10), fmt.Sprintf("at most a tenth of %d steps", steps))
	set(r, "train.schedule.warmup_factor", &t.Schedule.WarmupFactor, 0.005, "begins near 0")
	every := max(1, (t.Epochs+evaluations-1)/evaluations)
	reason := fmt.Sprintf("about %d evaluations", (t.Epochs+every-1)/every)
	if limits.Budget > 0 {
		every, reason = 1, "with a budget: at the end of the epoch in which a tenth of the time has passed"
	}
	set(r, "train.eval_epochs", &t.EvalEpochs, every, reason)
	decay := 0.99
	if steps > 5000 {
		decay = 0.998
	}
	set(r, "train.ema_decay", &t.EMADecay, decay, fmt.Sprintf("averages the weights of the last %.0f steps", 1/(1-decay)))
	return nil
}

func (r *Recipe) stepsPerEpoch(l Look) int {
	n := r.Config.Batch * r.Config.Train.Accumulate
	return max(1, (l.Images+n-1)/n)
}

// affordable measures the time of training with a budget, and makes the input smaller if too few epochs would fit.
func (r *Recipe) affordable(l Look, limits Limits) (err error) {
	if limits.Budget == 0 {
		return nil
	}
	if r.perImage, err = limits.Measure(r.Config); err != nil {
		return err
	}
	if slices.ContainsFunc(sizeKeys(), r.given) {
		return nil
	}
	shorter := r.Config.Input.Shorter[0]
	for shorter > smallestInput && r.epochsIn(l, limits) < wantedEpochsOfBudget {
		smaller := shorter - sizeStep
		r.perImage = time.Duration(float64(r.perImage) * float64(smaller*smaller) / float64(shorter*shorter))
		shorter = smaller
		for _, key := range sizeKeys() {
			r.drop(key)
		}
		r.setSize(shorter, l, fmt.Sprintf("so that at least %d epochs fit in %s", wantedEpochsOfBudget, train.Duration(limits.Budget)))
	}
	return nil
}

// budget fits the epochs to the time.
func (r *Recipe) budget(l Look, limits Limits) error {
	t := &r.Config.Train
	t.Budget = train.Duration(limits.Budget)
	r.note("train.budget", t.Budget.String(), fmt.Sprintf("given; training takes %s per image", r.perImage.Round(100*time.Microsecond)))
	epochs := r.epochsIn(l, limits)
	if steps := epochs * float64(r.stepsPerEpoch(l)); steps < fewestSteps {
		return fmt.Errorf("--budget %s is too short: a step of %d images takes %s and an evaluation of %d images about %s; give at least %s", train.Duration(limits.Budget),
			r.Config.Batch, (time.Duration(r.Config.Batch) * r.perImage).Round(time.Millisecond), limits.Validation, r.evaluationTime(limits).Round(time.Second),
			r.shortestBudget(limits))
	}
	if r.given("train.epochs") {
		return errors.New("train.epochs and --budget are given: want one of them")
	}
	set(r, "train.epochs", &t.Epochs, max(1, int(epochs+0.5)), "as many as fit; corrected while the run goes on")
	return nil
}

func (r *Recipe) evaluationTime(limits Limits) time.Duration {
	return time.Duration(testTimeOfTrainingTime * float64(limits.Validation) * float64(r.perImage))
}

// evaluationsTime is the time of all evaluations.
func (r *Recipe) evaluationsTime(limits Limits) time.Duration {
	return evaluations * r.evaluationTime(limits) * 2 / 3
}

// epochsIn returns the number of epochs that fit in the budget, with its evaluations, which take half of it at most.
func (r *Recipe) epochsIn(l Look, limits Limits) float64 {
	left := max(limits.Budget-r.evaluationsTime(limits), limits.Budget/2)
	return left.Seconds() / (r.perImage.Seconds() * float64(l.Images))
}

// shortestBudget returns the least budget in which fewestSteps fit, in whole seconds.
func (r *Recipe) shortestBudget(limits Limits) time.Duration {
	steps := time.Duration(fewestSteps*r.Config.Batch*r.Config.Train.Accumulate) * r.perImage
	return (min(steps+r.evaluationsTime(limits), 2*steps) + 2*time.Second).Truncate(time.Second)
}

// drop forgets the choices of a key and of those below it.
func (r *Recipe) drop(key string) {
	kept := r.Choices[:0]
	for _, c := range r.Choices {
		if !strings.HasPrefix(c.Key+".", key+".") {
			kept = append(kept, c)
		}
	}
	r.Choices = kept
}
