// Package half converts float32 to the bits of the 16-bit types float16 and bfloat16, and back. Rounding is to nearest, ties to even. Values
// beyond the range become infinities, and NaN stays NaN.
package half

import (
	"math"

	"github.com/x448/float16"
)

// ToFloat16 rounds to float16.
func ToFloat16(v float32) uint16 { return float16.Fromfloat32(v).Bits() }

// FromFloat16 converts to float32, exactly.
func FromFloat16(bits uint16) float32 { return float16.Frombits(bits).Float32() }

// ToBFloat16 rounds to bfloat16.
func ToBFloat16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 0x40 // a quiet NaN
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// FromBFloat16 converts to float32, exactly: bfloat16 is the upper half of a float32.
func FromBFloat16(bits uint16) float32 { return math.Float32frombits(uint32(bits) << 16) }
