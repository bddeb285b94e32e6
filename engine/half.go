package engine

import "math"

// Float16Bits rounds to float16, to nearest even; beyond its range are infinities, a NaN stays one.
func Float16Bits(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, magnitude := uint16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case magnitude > 0x7f800000:
		return sign | 0x7e00
	case magnitude >= 0x477ff000: // 65520, half way beyond the largest
		return sign | 0x7c00
	case magnitude < 0x38800000: // below 2^-14: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(math.Abs(float64(v))*(1<<24)))
	}
	magnitude -= 112 << 23 // the exponents' offsets differ by 112
	return sign | uint16((magnitude+0xfff+magnitude>>13&1)>>13)
}

// Float16Value is the value of bits.
func Float16Value(bits uint16) float32 {
	sign, exponent, mantissa := float64(1), int(bits>>10&31), float64(bits&0x3ff)
	if bits&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 31:
		if mantissa > 0 {
			return float32(math.NaN())
		}
		return float32(math.Inf(int(sign)))
	case 0:
		return float32(math.Copysign(mantissa*0x1p-24, sign))
	}
	return float32(sign * math.Ldexp(1024+mantissa, exponent-25))
}
