package checkpoint

import (
	"math/rand/v2"
	"testing"
)

// A tensor of each 16-bit type, as loading a model reads it.
func BenchmarkFloat32s(b *testing.B) {
	values := make([]float32, 1<<20)
	for i := range values {
		values[i] = float32(rand.NormFloat64() * 0.02)
	}
	dst := make([]float32, len(values))
	for _, typ := range []DType{F32, F16, BF16} {
		t, err := Float32Tensor("w", []int{len(values)}, values).Convert(typ)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(typ), func(b *testing.B) {
			b.SetBytes(int64(4 * len(dst)))
			for b.Loop() {
				if err := t.CopyFloat32s(dst); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("to "+string(typ), func(b *testing.B) {
			f := Float32Tensor("w", []int{len(values)}, values)
			for b.Loop() {
				if _, err := f.Convert(typ); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
