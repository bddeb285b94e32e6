package recipe

import (
	"fmt"
	"math"
	"slices"

	"scalenet/internal/brief"
)

// The input size is a multiple of sizeStep from smallestInput to largestInput pixels.
// At smallestInput the last of four stages of stride 32 has 8 cells.
const (
	sizeStep      = 32
	smallestInput = 256
	usualInput    = 320
	largestInput  = 640
	// objectPixels is the side that half of the objects of each class have at least in the input: four cells of the
	// finest level of a pyramid of stride 8.
	objectPixels = 32
	// fewObjects of a class say nothing about its sizes.
	fewObjects = 10
)

// size derives the input size from the class with the smallest objects.
func (r *Recipe) size(l Look) {
	small, smallest := math.Inf(1), 0
	for class, shapes := range l.ofClass(fewObjects) {
		if m := quantile(shapes, 0.5, shape.relative); m < small || m == small && class < smallest {
			small, smallest = m, class
		}
	}
	wanted := objectPixels / small
	own := roundUp(l.Shorter, sizeStep)
	shorter := min(max(roundUp(int(wanted), sizeStep), usualInput), largestInput, max(own, smallestInput))
	reason := fmt.Sprintf("%s is the smallest class: half of its objects are smaller than %.0f pixels in the input", brief.Text(l.names[smallest-1]), small*float64(shorter))
	switch {
	case float64(shorter) < wanted && shorter == own:
		reason += "; the images have no more pixels"
	case float64(shorter) < wanted:
		reason += "; a larger input would cost too much time"
	}
	r.setSize(shorter, l, reason)
}

// sizeKeys are the four keys of the input size.
func sizeKeys() []string {
	return []string{"input.shorter", "input.longest", "input.test_shorter", "input.test_longest"}
}

// setSize sets the keys of the input size, as far as they are not given. The others follow a shorter side that is given, the largest if there are
// several.
func (r *Recipe) setSize(shorter int, l Look, reason string) {
	in := &r.Config.Input
	if r.given("input.shorter") {
		shorter = slices.Max(in.Shorter)
	}
	longest := roundUp(int(math.Ceil(float64(shorter)*min(max(l.Aspect, 4./3), 2.5))), sizeStep)
	set(r, "input.shorter", &in.Shorter, []int{shorter}, reason)
	set(r, "input.longest", &in.Longest, longest, fmt.Sprintf("95 %% of the images have at most %.2f times their shorter side", l.Aspect))
	set(r, "input.test_shorter", &in.TestShorter, slices.Max(in.Shorter), "as in training")
	set(r, "input.test_longest", &in.TestLongest, in.Longest, "as in training")
}

const (
	// usualBatch is the batch of the small networks.
	usualBatch = 4
	// usualRate and publishedRate are the learning rates for usualBatch. The first is that of the presets for small networks, the second, for
	// published networks with frozen norms, that of detectron2 (0.02 for a batch of 16).
	usualRate     = 0.02
	publishedRate = 0.005
)

// batch derives the batch from the memory, and the learning rate from the batch.
func (r *Recipe) batch(l Look, limits Limits) error {
	c, rate := &r.Config, usualRate
	if c.Frozen.Norms && !c.Backbone.Custom() {
		rate = publishedRate
	}
	if !r.given("batch") {
		c.Batch = min(usualBatch, max(1, l.Images))
		reason := "few images a step give many steps in little time"
		for limits.Bytes > 0 && c.Batch > 1 {
			need, err := limits.Needs(*c)
			if err != nil {
				return err
			}
			if need <= limits.Bytes*7/10 {
				reason += fmt.Sprintf("; takes %s of the %s of memory that are available", brief.Gibibytes(need), brief.Gibibytes(limits.Bytes))
				break
			}
			c.Batch /= 2
			reason = fmt.Sprintf("%d would need %s, and %s of memory are available", 2*c.Batch, brief.Gibibytes(need), brief.Gibibytes(limits.Bytes))
		}
		r.note("batch", fmt.Sprint(c.Batch), reason)
	}
	perStep := c.Batch * c.Train.Accumulate
	lr := rate * float64(perStep) / usualBatch
	set(r, "train.lr", &c.Train.LR, lr, fmt.Sprintf("%g for a batch of %d, scaled linearly", rate, usualBatch))
	return nil
}
