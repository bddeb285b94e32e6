package raster

import (
	"fmt"
	"math"
)

// FillScaled is FillResized with the pixel positions of OpenCV's resize of a float32 image by a given factor, cv2.resize(image, None, fx=scale,
// fy=scale): pixel i comes from (i+0.5)/scale - 0.5. FillResized divides by the ratio of the sides instead, which differs from scale where the
// sides were rounded.
func (n Normalization) FillScaled(dst []float32, stride int, p Image, to Transform, scale float64) error {
	if !(scale > 0) {
		return fmt.Errorf("resize by a factor of %v: it must be above 0", scale)
	}
	inverse := 1 / scale
	return n.fillAll(dst, stride, p, to, func(i, size, _ int) lerp { return scaledLerp(i, size, inverse) })
}

// scaledLerp computes the position in float64 and rounds it to float32, as OpenCV does.
func scaledLerp(i, size int, inverse float64) lerp {
	centre := float32(float64((float64(i)+0.5)*inverse) - 0.5)
	lo := int(math.Floor(float64(centre)))
	switch {
	case lo < 0:
		return lerp{}
	case lo >= size-1:
		return lerp{lo: size - 1, hi: size - 1}
	}
	return lerp{lo, lo + 1, centre - float32(lo)}
}
