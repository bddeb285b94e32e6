package checkpoint

import "math"

// e4m3ToFloat is exact: a sign, 4 bits of exponent, 3 of fraction. It has NaN, but
// no infinities.
func e4m3ToFloat(b byte) float32 {
	exponent, fraction := int(b>>3&15), float64(b&7)
	v := math.Ldexp(fraction, -9) // below the normal numbers
	switch {
	case b&0x7f == 0x7f:
		v = math.NaN()
	case exponent > 0:
		v = math.Ldexp(8+fraction, exponent-10)
	}
	return float32(math.Copysign(v, float64(int8(b))))
}

// e8m0ToFloat is exact: an exponent and nothing else.
func e8m0ToFloat(b byte) float32 {
	if b == 0xff {
		return float32(math.NaN())
	}
	return float32(math.Ldexp(1, int(b)-127))
}
