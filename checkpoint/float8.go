package checkpoint

import "math"

// e4m3ToFloat converts a float8 with sign, 4 bits of exponent and 3 of fraction. The
// format has NaN, but no infinities. The conversion is exact.
func e4m3ToFloat(b byte) float32 {
	exponent, fraction := int(b>>3&15), float64(b&7)
	v := math.Ldexp(fraction, -9) // subnormal
	switch {
	case b&0x7f == 0x7f:
		v = math.NaN()
	case exponent > 0:
		v = math.Ldexp(8+fraction, exponent-10)
	}
	return float32(math.Copysign(v, float64(int8(b))))
}

// e8m0ToFloat converts a power of two, given by 8 bits of exponent. It is exact.
func e8m0ToFloat(b byte) float32 {
	if b == 0xff {
		return float32(math.NaN())
	}
	return float32(math.Ldexp(1, int(b)-127))
}
