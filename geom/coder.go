package geom

import "math"

// MaxLogScale is the maximum of dw and dh before exp, so that a box grows at most by a factor of 1000/16, as in Detectron and torchvision. jwyang's
// detector has no maximum; after clipping to an image of 1000 pixels the boxes are the same.
const MaxLogScale = 4.135166556742356 // log(1000.0 / 16)

// Coder encodes a box relative to a reference box as deltas, and decodes deltas (torchvision's BoxCoder). dx and dy are the offset of the centres
// divided by the reference's width and height. dw and dh are the logarithms of the ratios of width and height. Each delta is multiplied by its weight.
//
// Weights are 1/std of py-faster-rcnn's normalisation: (10, 10, 5, 5) is std (0.1, 0.1, 0.2, 0.2). They must not be 0.
type Coder struct {
	Convention Convention
	Weights    [4]float32
}

// center returns the centre of the box, its width and its height.
func (c Convention) center(b Box) (x, y, w, h float32) {
	w, h = c.Width(b), c.Height(b)
	return b.X1 + float32(0.5*w), b.Y1 + float32(0.5*h), w, h
}

// Encode returns the deltas of target relative to reference, an anchor or a proposal. Both need positive width and height, otherwise the deltas
// are NaN or infinite.
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

// Decode returns the box with the given deltas relative to reference. dw and dh are at most MaxLogScale. Decoded corners are centre ± half the width
// and height in both conventions, as in jwyang's detector. So an inclusive box that is encoded and decoded has X2 and Y2 one pixel too large.
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
