package checkpoint

import "math"

// halfToFloat widens an IEEE 754 binary16 number; exact.
func halfToFloat(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h & 0x3ff)
	switch {
	case exponent == 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	case exponent != 0:
		return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
	}
	const smallestHalf = 1.0 / (1 << 24) // subnormals are multiples of it
	return math.Float32frombits(sign | math.Float32bits(float32(fraction)*smallestHalf))
}

// floatToHalf rounds to the nearest binary16 number, ties to even; too large
// becomes infinity, a NaN stays a quiet one.
func floatToHalf(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits>>16) & 0x8000
	magnitude := bits & 0x7fffffff
	switch {
	case magnitude > 0x7f800000:
		return sign | 0x7e00 | uint16(magnitude>>13)&0x1ff
	case magnitude >= 0x47800000: // 65536 and above
		return sign | 0x7c00
	case magnitude < 0x38800000: // below the smallest normal number, 2^-14
		// The sum has an ulp of 2^-24, the step of binary16's subnormals:
		// the addition rounds as wanted and leaves the result in the low bits.
		const aligner = 0.5
		sum := math.Float32frombits(magnitude) + aligner
		return sign | uint16(math.Float32bits(sum)-math.Float32bits(aligner))
	}
	magnitude -= 112 << 23
	return sign | uint16((magnitude+0xfff+(magnitude>>13)&1)>>13)
}

// bfloatToFloat widens a bfloat16 number; exact.
func bfloatToFloat(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// floatToBFloat rounds to the nearest bfloat16 number, ties to even; a NaN
// stays a quiet one.
func floatToBFloat(f float32) uint16 {
	bits := math.Float32bits(f)
	if bits&0x7fffffff > 0x7f800000 {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + (bits>>16)&1) >> 16)
}

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
