package half_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"scalenet/internal/half"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every float16 is a float32; between two neighbours the nearer one is taken, half way the even one.
func TestFloat16(t *testing.T) {
	for b := range 1 << 16 {
		bits := uint16(b)
		v := half.FromFloat16(bits)
		if v != v {
			require.True(t, bits&0x7fff > 0x7c00)
			require.Greater(t, half.ToFloat16(v)&0x7fff, uint16(0x7c00))
			continue
		}
		require.Equal(t, bits, half.ToFloat16(v), "%g", v)
		if next := half.FromFloat16(bits + 1); bits&0x7fff < 0x7bff {
			middle := v + (next-v)/2
			even := bits + bits&1
			require.Equal(t, even, half.ToFloat16(middle), "%g", middle)
			require.Equal(t, bits, half.ToFloat16(math.Nextafter32(middle, v)))
			require.Equal(t, bits+1, half.ToFloat16(math.Nextafter32(middle, next)))
		}
	}
	for v, want := range map[float32]float32{1: 1, -2.5: -2.5, 65504: 65504, 0x1p-24: 0x1p-24, 0x1p-25: 0, 65519: 65504} {
		assert.Equal(t, want, half.FromFloat16(half.ToFloat16(v)), "%g", v)
	}
	assert.Equal(t, float32(math.Inf(-1)), half.FromFloat16(half.ToFloat16(-65520)))
}

func TestRoundsAsPyTorch(t *testing.T) {
	b, err := os.ReadFile("testdata/half.json")
	require.NoError(t, err)
	var rows [][3]uint32
	require.NoError(t, json.Unmarshal(b, &rows))
	for _, row := range rows {
		f := math.Float32frombits(row[0])
		require.Equal(t, uint16(row[1]), half.ToFloat16(f), "%g to float16", f)
		require.Equal(t, uint16(row[2]), half.ToBFloat16(f), "%g to bfloat16", f)
	}
}

func TestRoundTrip(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		if f := half.FromFloat16(h); f == f {
			require.Equal(t, h, half.ToFloat16(f))
		} else {
			require.True(t, math.IsNaN(float64(half.FromFloat16(half.ToFloat16(f)))))
		}
		if f := half.FromBFloat16(h); f == f {
			require.Equal(t, h, half.ToBFloat16(f))
		} else {
			require.True(t, math.IsNaN(float64(half.FromBFloat16(half.ToBFloat16(f)))))
		}
	}
}

func TestBFloat16(t *testing.T) {
	for _, c := range []struct {
		in   float32
		want uint16
	}{
		{0, 0}, {float32(math.Copysign(0, -1)), 0x8000}, {1, 0x3f80}, {-2, 0xc000},
		{1 + 1./256, 0x3f80},            // a tie goes down to even
		{1 + 3./256, 0x3f82},            // a tie goes up to even
		{1 + 1./256 + 1./65536, 0x3f81}, // above a tie
		{math.MaxFloat32, 0x7f80},       // rounds to infinity
		{float32(math.Inf(-1)), 0xff80},
		{0x1p-149, 0}, {0x1p-126, 0x0080},
	} {
		assert.Equal(t, c.want, half.ToBFloat16(c.in), "%g", c.in)
	}
	// A NaN whose bits are all in the lost half.
	nan := half.ToBFloat16(math.Float32frombits(0x7f800001))
	assert.True(t, nan&0x7f80 == 0x7f80 && nan&0x7f != 0, "%x", nan)
}
