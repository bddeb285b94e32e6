package engine

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/nn"
)

func TestQuantByte(t *testing.T) {
	unsigned, signed := Quant{Scale: 1}, Quant{Scale: 1, Zero: SignedZero}
	for _, c := range []struct {
		v            float32
		unsigned, to uint8 // to is signed's
	}{
		{0, 0, 128}, {0.5, 0, 128}, {1.5, 2, 130}, {2.5, 2, 130}, {-0.5, 0, 128}, {-1.5, 0, 126}, {-1000, 0, 0}, {1000, 255, 255},
		{254.5, 254, 255}, {254.50002, 255, 255}, {126.5, 126, 254}, {-127.5, 0, 0}, {-126.5, 0, 2},
		{float32(math.NaN()), 0, 0}, {float32(math.Inf(1)), 255, 255}, {float32(math.Inf(-1)), 0, 0},
	} {
		assert.Equal(t, c.unsigned, unsigned.Byte(c.v), "%v", c.v)
		assert.Equal(t, c.to, signed.Byte(c.v), "%v with zero 128", c.v)
	}
	assert.EqualValues(t, -128, signed.Value(0))
	assert.EqualValues(t, 255, unsigned.Value(255))
}

// FMA rounds the exact result once, also where rounding to float64 before would change it.
func TestFMA(t *testing.T) {
	exact := func(a, b, c float32) float32 {
		f := func(v float32) *big.Float { return new(big.Float).SetPrec(700).SetFloat64(float64(v)) }
		s := f(0).Mul(f(a), f(b))
		r, _ := s.Add(s, f(c)).Float32()
		return r
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 200000 {
		v := [3]float32{}
		for i := range v {
			v[i] = float32(math.Ldexp(float64(int(random.Uint32()>>8)-1<<23), random.IntN(60)-50))
		}
		require.Equal(t, exact(v[0], v[1], v[2]), FMA(v[0], v[1], v[2]), "%v", v)
	}
	// 1 + 2^-24 + 2^-60: to float64 a tie, which would go down to 1.
	tiny := float32(math.Ldexp(1, -30))
	half := float32(math.Ldexp(1, -24))
	assert.Equal(t, exact(tiny, tiny, 1+2*half), FMA(tiny, tiny, 1+2*half))
	assert.Equal(t, exact(1+half*2, half, 1), FMA(1+half*2, half, 1))
}

func TestFactors(t *testing.T) {
	block := ConvBlock{Conv2D: nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}, Norm: Norm{On: true, Eps: 0}}
	params := [][]float32{nil, {2, -1}, {1, 0.5}, {3, 0}, {4, 1}} // weight, gamma, beta, mean, variance
	factors, constants := Int8Conv{Block: block, X: Quant{Scale: 0.5}, Y: Quant{Scale: 2}}.Factors([]float32{0.25, 3}, params)
	assert.Equal(t, []float32{0.25 * 0.5 / 2, -3 * 0.5 / 2}, factors)
	assert.Equal(t, []float32{-1, 0.25}, constants) // 1 - 3*2/2
}

func TestReadQuantization(t *testing.T) {
	const key = "k"
	q := &Quantization{Values: map[string]Quant{"conv1.weight": {Scale: 0.1}, "x": {Scale: 3e-7, Zero: SignedZero}}, Float: []string{"fc.weight"}}
	got, err := ReadQuantization(map[string]string{key: q.Text()}, key)
	require.NoError(t, err)
	assert.Equal(t, q, got)
	got, err = ReadQuantization(nil, key)
	require.NoError(t, err)
	assert.Nil(t, got)
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":    {"scale", "metadata k: invalid character"},
		"empty":       {"", "metadata k: EOF"},
		"no values":   {"{}", "metadata k: no values"},
		"unknown key": {`{"value": {}}`, `metadata k: json: unknown field "value"`},
		"negative":    {`{"values": {"a": {"scale": -1, "zero": 0}}}`, `metadata k: value "a": scale -1 is not between`},
		"no scale":    {`{"values": {"a": {"zero": 128}}}`, `metadata k: value "a": scale 0 is not between`},
		"too large":   {`{"values": {"a": {"scale": 1e30}}}`, `metadata k: value "a": scale 1e+30 is not between`},
		"zero":        {`{"values": {"a": {"scale": 1, "zero": 7}}}`, `metadata k: value "a": zero 7, want 0 or 128`},
		"two":         {q.Text() + "{}", "metadata k: text after the end"},
		"long":        {string(make([]byte, maxQuantization+1)), "metadata k: 1048577 bytes, at most 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadQuantization(map[string]string{key: c.text}, key)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func FuzzReadQuantization(f *testing.F) {
	f.Add(`{"values": {"a": {"scale": 0.5, "zero": 128}}, "float": ["b"]}`)
	f.Add(`{"values": null}`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ReadQuantization(map[string]string{"k": text}, "k")
		if err != nil {
			return
		}
		again, err := ReadQuantization(map[string]string{"k": q.Text()}, "k")
		require.NoError(t, err)
		require.Equal(t, q.Values, again.Values)
	})
}
