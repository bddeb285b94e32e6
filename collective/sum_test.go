package collective

import (
	"math"
	"math/rand/v2"
	"testing"

	"scalenet/internal/half"

	"github.com/stretchr/testify/require"
)

func TestRoundingIsThatOfPackageHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := make([]float32, 100003)
	for i := range x {
		x[i] = math.Float32frombits(r.Uint32())
	}
	got, halves, back := make([]float32, len(x)), make([]uint16, len(x)), make([]float32, len(x))
	BFloat16.take(got, x)
	pack(halves, got)
	unpack(back, halves)
	for i, v := range x {
		require.Equal(t, half.ToBFloat16(v), halves[i], "%x", math.Float32bits(v))
		require.Equal(t, math.Float32bits(got[i]), math.Float32bits(back[i]))
	}
}

// In segments, as the exchange adds, and over a block that no cache holds. Go's loop is for comparison.
func BenchmarkAdd(b *testing.B) {
	for name, n := range map[string]int{"segment": 1 << 18, "block": 31_483_618} {
		into, x := make([]float32, n), make([]float32, n)
		for how, add := range map[string]func(into, x []float32){"float32": Float32.add, "bfloat16": BFloat16.add, "Go": func(into, x []float32) {
			x = x[:len(into)]
			for i, v := range x {
				into[i] += v
			}
		}} {
			b.Run(name+"/"+how, func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					add(into, x)
				}
			})
		}
	}
}
