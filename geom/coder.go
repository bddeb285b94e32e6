package geom

import "math"

// MaxLogScale bounds dw and dh before exp: a box grows by 1000/16 at most
// (Detectron's and torchvision's value; jwyang's detector has no bound, which
// makes no difference to boxes that are clipped to an image of 1000 pixels).
const MaxLogScale = 4.135166556742356 // log(1000.0 / 16)

// Coder turns a pair of boxes into the four numbers that a detector regresses
// and back: the offset of the centres in units of the reference box, dx, dy, and
// the logarithm of the ratio of the sides, dw, dh, each times its weight.
//
// Weights are 1/std of py-faster-rcnn's normalisation: (10, 10, 5, 5) is std
// (0.1, 0.1, 0.2, 0.2). Weight 0 is not allowed.
type Coder struct {
	Convention Convention
	Weights    [4]float32
}

// center gives the middle of the box and its sides.
func (c Convention) center(b Box) (x, y, w, h float32) {
	w, h = c.Width(b), c.Height(b)
	return b.X1 + float32(0.5*w), b.Y1 + float32(0.5*h), w, h
}

// Encode gives the deltas that lead from reference (an anchor, a proposal) to
// target. Both need positive sides: otherwise the deltas are not finite.
func (c Coder) Encode(reference, target Box) [4]float32 {
	x, y, w, h := c.Convention.center(reference)
	tx, ty, tw, th := c.Convention.center(target)
	return [4]float32{
		float32(c.Weights[0]*(tx-x)) / w,
		float32(c.Weights[1]*(ty-y)) / h,
		c.Weights[2] * log(tw/w),
		c.Weights[3] * log(th/h),
	}
}

// Decode applies deltas to reference. dw and dh are bounded by MaxLogScale. In
// the inclusive convention the far corner comes out one pixel further than what
// was encoded, as in jwyang's detector: decoded corners are centre ± half a
// side there, too.
func (c Coder) Decode(reference Box, deltas [4]float32) Box {
	x, y, w, h := c.Convention.center(reference)
	cx := float32(deltas[0]/c.Weights[0]*w) + x
	cy := float32(deltas[1]/c.Weights[1]*h) + y
	halfW := float32(0.5 * float32(exp(min(deltas[2]/c.Weights[2], MaxLogScale))*w))
	halfH := float32(0.5 * float32(exp(min(deltas[3]/c.Weights[3], MaxLogScale))*h))
	return Box{cx - halfW, cy - halfH, cx + halfW, cy + halfH}
}

func log(v float32) float32 { return float32(math.Log(float64(v))) }
func exp(v float32) float32 { return float32(math.Exp(float64(v))) }
