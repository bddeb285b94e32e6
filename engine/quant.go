package engine

import (
	"fmt"
	"math"
)

// Quant is how bytes stand for the values of a tensor: a byte q is (q - Zero) * Scale. The zero Quant is a float tensor.
type Quant struct {
	Scale float32 `json:"scale"`
	// Zero is 0 for values that are not negative, as after a ReLU, else 128.
	Zero uint8 `json:"zero"`
}

// On reports whether the tensor holds bytes.
func (q Quant) On() bool { return q.Scale != 0 }

// Check returns an error unless q is a Quant of bytes.
func (q Quant) Check() error {
	if !(q.Scale >= math.SmallestNonzeroFloat32 && q.Scale <= maxScale) {
		return fmt.Errorf("scale %v is not between 0 and %v", q.Scale, float64(maxScale))
	}
	if q.Zero != 0 && q.Zero != SignedZero {
		return fmt.Errorf("zero %d, want 0 or %d", q.Zero, SignedZero)
	}
	return nil
}

const (
	// SignedZero is the Zero of tensors with negative values.
	SignedZero = 128
	// maxScale is a bound far above all activations, below which products of scales are finite in float32.
	maxScale = 1e9
)

// Inverse is the factor of a float32 value before it is rounded to a byte.
func (q Quant) Inverse() float32 { return float32(1 / float64(q.Scale)) }

// Byte rounds a value that has been multiplied by Inverse: to the nearest integer, of two the even one, then to the range of a byte. NaN
// becomes the lowest value.
func (q Quant) Byte(v float32) uint8 {
	low, high := -float32(q.Zero), 255-float32(q.Zero)
	if !(v >= low) {
		v = low
	}
	return uint8(int(math.RoundToEven(float64(min(v, high)))) + int(q.Zero))
}

// Value is the value of a byte, in units of Scale.
func (q Quant) Value(b uint8) float32 { return float32(int(b) - int(q.Zero)) }

// Per is a factor of values of q in the units of a result: of bytes as in y, or of floats if y is not On. It is rounded once. A float
// tensor counts as one of scale 1.
func (q Quant) Per(y Quant) float32 { return float32(q.scale() / y.scale()) }

func (q Quant) scale() float64 {
	if !q.On() {
		return 1
	}
	return float64(q.Scale)
}

// FMA is a*b + c, rounded once to float32. Kernels of integers compute with it, so that all processors give the same bits.
func FMA(a, b, c float32) float32 {
	p := float64(a) * float64(b) // exact: 48 bits
	s := p + float64(c)
	// Rounding to odd keeps the second rounding, to float32, from being a rounding of a rounded value.
	t := s - p
	rest := (p - (s - t)) + (float64(c) - t)
	if bits := math.Float64bits(s); rest != 0 && bits&1 == 0 && !math.IsInf(s, 0) && !math.IsNaN(s) {
		if (rest > 0) == (s > 0) {
			s = math.Float64frombits(bits + 1)
		} else {
			s = math.Float64frombits(bits - 1)
		}
	}
	return float32(s)
}
