package calibrate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
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

// Of a million values, ten may be beyond the range: of the normal distribution the range ends above four standard deviations, and five values far out
// change nothing. Order and grouping of the values do not matter beyond the width of a bin.
func TestRange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, 1000000)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	scale := func(values []float32, at int) float32 {
		c := New()
		for i := 0; i < len(values); i += at {
			c.Observe("x", values[i:min(i+at, len(values))])
		}
		return c.Quants()["x"].Scale
	}
	few := scale(values, 50000)
	assert.InDelta(t, 4.4, few*127, 0.15)
	assert.InDelta(t, few, scale(values, 1000), 0.02*float64(few))
	far := append([]float32{20, -20, 20, -20, 20}, values...)
	assert.InDelta(t, few, scale(far, 50000), 0.02*float64(few))
	assert.InDelta(t, 20, scale(far[:1000], 1000)*127, 0.1, "of few values all are in the range")
}
