package recipe

import (
	"errors"
	"fmt"
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
	set(r, "train.eval_epochs", &t.EvalEpochs, every, fmt.Sprintf("about %d evaluations", (t.Epochs+every-1)/every))
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

// budget fits the epochs, and if necessary the input size, to the time.
func (r *Recipe) budget(l Look, limits Limits) error {
	t := &r.Config.Train
	perImage, err := limits.Measure(r.Config)
	if err != nil {
		return err
	}
	shorter := r.Config.Input.Shorter[0]
	for len(r.Config.Input.Shorter) == 1 && !r.given("input") && shorter > smallestInput && r.epochsIn(l, limits, perImage) < wantedEpochsOfBudget {
		smaller := shorter - sizeStep
		perImage = time.Duration(float64(perImage) * float64(smaller*smaller) / float64(shorter*shorter))
		shorter = smaller
		r.drop("input")
		r.setSize(shorter, l, fmt.Sprintf("so that at least %d epochs fit in %s", wantedEpochsOfBudget, train.Duration(limits.Budget)))
	}
	t.Budget = train.Duration(limits.Budget)
	r.note("train.budget", t.Budget.String(), fmt.Sprintf("given; training takes %s per image", perImage.Round(100*time.Microsecond)))
	epochs := r.epochsIn(l, limits, perImage)
	if steps := epochs * float64(r.stepsPerEpoch(l)); steps < fewestSteps {
		return fmt.Errorf("--budget %s is too short: a step of %d images takes %s and an evaluation of %d images about %s; give at least %s", train.Duration(limits.Budget),
			r.Config.Batch, (time.Duration(r.Config.Batch) * perImage).Round(time.Millisecond), limits.Validation, evaluationTime(limits, perImage).Round(time.Second),
			(time.Duration(fewestSteps*r.Config.Batch)*perImage + 2*evaluationTime(limits, perImage)).Round(time.Second))
	}
	if r.given("train.epochs") {
		return errors.New("train.epochs and --budget are given: want one of them")
	}
	set(r, "train.epochs", &t.Epochs, max(1, int(epochs+0.5)), "as many as fit; corrected while the run goes on")
	return nil
}

func evaluationTime(limits Limits, perImage time.Duration) time.Duration {
	return time.Duration(testTimeOfTrainingTime * float64(limits.Validation) * float64(perImage))
}

// epochsIn returns the number of epochs that fit in the budget, with its evaluations.
func (r *Recipe) epochsIn(l Look, limits Limits, perImage time.Duration) float64 {
	left := limits.Budget - time.Duration(evaluations)*evaluationTime(limits, perImage)*2/3
	if left < limits.Budget/2 {
		left = limits.Budget / 2
	}
	return left.Seconds() / (perImage.Seconds() * float64(l.Images))
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
