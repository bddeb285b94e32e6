package imaging

import (
	"fmt"
	"math"

	"scalenet/internal/spelling"
)

// Fitting is the rule for the size at which an image enters a detector, given its shorter side and the maximum of its longer side. A maximum of 0
// means none. The rules scale both sides by one factor and differ in rounding; each is exact to the pixel. A side has at least one pixel, where
// published detectors fail.
type Fitting string

// The rules of published detectors.
const (
	// FitFloor rounds down: torchvision, see [Fit]. It is the default, also for an empty Fitting.
	FitFloor Fitting = "floor"
	// FitRound rounds half up. The sides are scaled to the shorter side first, and then once more if the longer one exceeds its maximum:
	// detectron2.
	FitRound Fitting = "round"
	// FitRoundOnce rounds half up. The sides are scaled once, by the smaller of the two factors: mmdetection. For about one size in 6,000 the result
	// differs from FitRound's by a pixel, because one of the two computes slightly less than a half: 640x360 at 600/1000 has 563 rows here and
	// 562 there.
	FitRoundOnce Fitting = "round-once"
	// FitRoundEven rounds half to even, as OpenCV's resize by a factor does: py-faster-rcnn and jwyang's detector, which has no maximum in
	// training.
	FitRoundEven Fitting = "round-even"
)

// Check returns an error if there is no such rule.
func (f Fitting) Check() error {
	switch f {
	case "", FitFloor, FitRound, FitRoundOnce, FitRoundEven:
		return nil
	}
	names := []string{string(FitFloor), string(FitRound), string(FitRoundOnce), string(FitRoundEven)}
	return fmt.Errorf("fitting %q: want %s", f, spelling.Alternatives(names))
}

// Fit returns the size of the model input for an image of w x h pixels. It panics if Check returns an error.
func (f Fitting) Fit(w, h, shorter, longest int) (fitW, fitH int) {
	if err := f.Check(); err != nil {
		panic("imaging: " + err.Error())
	}
	scale := f.Scale(w, h, shorter, longest)
	switch f {
	case FitRound:
		return fitRound(w, h, shorter, longest)
	case FitRoundOnce:
		return halfUp(float64(w) * scale), halfUp(float64(h) * scale)
	case FitRoundEven:
		return halfToEven(float64(w) * scale), halfToEven(float64(h) * scale)
	}
	return Fit(w, h, shorter, maximum(longest))
}

// Scale returns the factor by which the sides are multiplied before they are rounded. jwyang's detector also resizes and scales boxes by it; the
// others use the quotients of the rounded sides.
func (f Fitting) Scale(w, h, shorter, longest int) float64 {
	toShorter, toLongest := float64(shorter)/float64(min(w, h)), float64(maximum(longest))/float64(max(w, h))
	if f == FitRoundEven && math.RoundToEven(toShorter*float64(max(w, h))) <= float64(maximum(longest)) {
		return toShorter // even where the longer side exceeds its maximum by less than half a pixel
	}
	return min(toShorter, toLongest)
}

// maximum returns the longer side's maximum, where 0 means none.
func maximum(longest int) int {
	if longest == 0 {
		return math.MaxInt
	}
	return longest
}

// fitRound has the order of operations of detectron2's ResizeShortestEdge, on which halves depend.
func fitRound(w, h, shorter, longest int) (fitW, fitH int) {
	scale := float64(shorter) / float64(min(w, h))
	scaledW, scaledH := scale*float64(w), float64(shorter)
	if h >= w {
		scaledW, scaledH = float64(shorter), scale*float64(h)
	}
	if longer, most := max(scaledW, scaledH), float64(maximum(longest)); longer > most {
		scaledW, scaledH = scaledW*(most/longer), scaledH*(most/longer)
	}
	return halfUp(scaledW), halfUp(scaledH)
}

// halfUp converts its argument, so that no processor fuses the multiplication with the addition.
func halfUp(v float64) int { return max(1, int(float64(v)+0.5)) }

func halfToEven(v float64) int { return max(1, int(math.RoundToEven(v))) }
