package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/engine"
)

func quantOf(values ...float32) engine.Quant {
	c := New()
	c.Observe("x", values)
	return c.Quants()["x"]
}

func TestQuants(t *testing.T) {
	for name, c := range map[string]struct {
		values []float32
		want   engine.Quant
	}{
		"empty":       {nil, engine.Quant{}},
		"zeros":       {[]float32{0, 0}, engine.Quant{}},
		"NaN":         {[]float32{1, float32(math.NaN())}, engine.Quant{}},
		"infinite":    {[]float32{1, float32(math.Inf(-1))}, engine.Quant{}},
		"too small":   {[]float32{1e-44}, engine.Quant{}},
		"one value":   {[]float32{5.1}, engine.Quant{Scale: 0.02}},
		"both signs":  {[]float32{-12.7, 3}, engine.Quant{Scale: 0.1, Zero: engine.SignedZero}},
		"beyond some": {[]float32{1e12, 1}, engine.Quant{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := quantOf(c.values...)
			assert.Equal(t, c.want.Zero, got.Zero)
			assert.InEpsilon(t, 1+c.want.Scale, 1+got.Scale, 1e-3)
		})
	}
}

// The scale of a sample of the normal distribution clips it near four standard deviations, as the exact minimum of the squared error does. Order and grouping of the values do not matter beyond the width of a bin.
func TestClipping(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, 100000)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	whole := quantOf(values...)
	assert.InDelta(t, 4.1, whole.Scale*127, 0.35)
	parts := New()
	for i := 0; i < len(values); i += 100 {
		parts.Observe("x", values[i:i+100])
	}
	assert.InDelta(t, whole.Scale, parts.Quants()["x"].Scale, 0.05*float64(whole.Scale))
	assert.Less(t, quantOf(append(values, 20)...).Scale*127, float32(15), "a single value of 20 is clipped")
}

// The histogram's sum of squares is that of really rounding the values.
func TestSquares(t *testing.T) {
	h := &histogram{}
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]float32, 50000)
	for i := range values {
		values[i] = float32(r.ExpFloat64())
	}
	h.add(values)
	for _, limit := range []float64{2, 4, 8} {
		q := engine.Quant{Scale: float32(limit / 255)}
		require.NoError(t, q.Check())
		want := 0.0
		for _, v := range values {
			d := float64(q.Value(q.Byte(v*q.Inverse()))*q.Scale) - float64(v)
			want += d * d
		}
		assert.InEpsilon(t, want, h.squares(limit, limit/255), 0.05)
	}
}
