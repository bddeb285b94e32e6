package imaging

import "math"

// Fit returns the size at which an image of w x h pixels enters a detector: its sides times the one scale at which the
// shorter side is shorter, or, where that would be smaller, the longer side is longest. Faster R-CNN uses 600 and 1000.
//
// It is the rule of torchvision's GeneralizedRCNNTransform to the pixel: the product is rounded down in float64, so that 333 may
// become 599 instead of 600. A side has at least one pixel (torchvision fails there). The scales by which boxes change are
// the quotients of the sides, new by old, one for each axis.
func Fit(w, h, shorter, longest int) (fitW, fitH int) {
	scale := min(float64(shorter)/float64(min(w, h)), float64(longest)/float64(max(w, h)))
	fit := func(side int) int { return max(1, int(math.Floor(float64(side)*scale))) }
	return fit(w), fit(h)
}
