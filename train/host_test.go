package train

import (
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

func (host) SGD(w, grad, v engine.Memory, n int, s engine.SGDStep) error {
	ww, gg, vv := w.(hostMemory), grad.(hostMemory), v.(hostMemory)
	for i := range n {
		g := s.GradScale*gg[i] + s.Decay*ww[i]
		vv[i] = s.Momentum*vv[i] + g
		ww[i] -= s.LR * vv[i]
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
