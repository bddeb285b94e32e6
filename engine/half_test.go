package engine_test

import (
	"math"
	"testing"

	"scalenet/engine"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every float16 is a float32; between two neighbours the nearer one is taken, half way the even one.
func TestFloat16(t *testing.T) {
	for b := range 1 << 16 {
		bits := uint16(b)
		v := engine.Float16Value(bits)
		if v != v {
			require.True(t, bits&0x7fff > 0x7c00)
			require.Greater(t, engine.Float16Bits(v)&0x7fff, uint16(0x7c00))
			continue
		}
		require.Equal(t, bits, engine.Float16Bits(v), "%g", v)
		if next := engine.Float16Value(bits + 1); bits&0x7fff < 0x7bff {
			middle := v + (next-v)/2
			even := bits + bits&1
			require.Equal(t, even, engine.Float16Bits(middle), "%g", middle)
			require.Equal(t, bits, engine.Float16Bits(math.Nextafter32(middle, v)))
			require.Equal(t, bits+1, engine.Float16Bits(math.Nextafter32(middle, next)))
		}
	}
	for v, want := range map[float32]float32{1: 1, -2.5: -2.5, 65504: 65504, 0x1p-24: 0x1p-24, 0x1p-25: 0, 65519: 65504} {
		assert.Equal(t, want, engine.Float16Value(engine.Float16Bits(v)), "%g", v)
	}
	assert.Equal(t, float32(math.Inf(-1)), engine.Float16Value(engine.Float16Bits(-65520)))
}
