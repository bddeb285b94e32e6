package train

import (
	"math"

	"scalenet/engine"
)

// host is the arithmetic of a Device in plain Go, to compare others with.
type host struct{}

type hostMemory []float32

func (m hostMemory) Bytes() int { return 4 * len(m) }

func (host) Alloc(bytes int) (engine.Memory, error) { return make(hostMemory, bytes/4), nil }
func (host) Free(engine.Memory)                     {}

func (host) Write(dst engine.Memory, src any) error {
	copy(dst.(hostMemory), src.([]float32))
	return nil
}

func (host) Read(dst any, src engine.Memory) error {
	copy(dst.([]float32), src.(hostMemory))
	return nil
}

func (host) Update(rule engine.UpdateRule, w, grad engine.Memory, state []engine.Memory, n int) error {
	ww, gg := w.(hostMemory), grad.(hostMemory)
	switch s := rule.(type) {
	case engine.SGDUpdate:
		vv := state[0].(hostMemory)
		for i := range n {
			g := s.GradScale*gg[i] + s.Decay*ww[i]
			vv[i] = s.Momentum*vv[i] + g
			ww[i] -= s.LR * vv[i]
		}
	case engine.AdamWUpdate:
		mean, square, c := state[0].(hostMemory), state[1].(hostMemory), s.Coefficients()
		for i := range n {
			g := c.GradScale * gg[i]
			mean[i] += c.Rest1 * (g - mean[i])
			square[i] = c.Beta2*square[i] + c.Rest2*g*g
			ww[i] = c.Keep*ww[i] - c.StepSize*mean[i]/(float32(math.Sqrt(float64(square[i])))*c.InverseRoot+c.Eps)
		}
	}
	return nil
}

func (host) Blend(dst, src engine.Memory, n int, a, b float32) error {
	d, s := dst.(hostMemory), src.(hostMemory)
	for i := range n {
		if v := a * s[i]; b == 0 {
			d[i] = v
		} else {
			d[i] = v + b*d[i]
		}
	}
	return nil
}

func (host) SumSquares(src engine.Memory, n int) (sum float64, _ error) {
	for _, x := range src.(hostMemory)[:n] {
		sum += float64(x) * float64(x)
	}
	return sum, nil
}
