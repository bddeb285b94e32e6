package ref

import (
	"encoding/binary"
	"fmt"
	"math"

	"scalenet/engine"
)

// floats is the first n float32 of a block of memory.
type floats []byte

func floatsOf(m engine.Memory, n int, what string) (floats, error) {
	return bytesOf(m, 4*n, what)
}

func (f floats) len() int { return len(f) / 4 }

func (f floats) at(i int) float64 {
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(f[4*i:])))
}

func (f floats) set(i int, v float64) {
	binary.LittleEndian.PutUint32(f[4*i:], math.Float32bits(float32(v)))
}

// Update implements engine.Device; a step uses the state as it was rounded.
func (d *Device) Update(rule engine.UpdateRule, w, grad engine.Memory, state []engine.Memory, n int) error {
	if err := engine.CheckUpdate(rule, state); err != nil {
		return fmt.Errorf("ref: %w", err)
	}
	arrays := make([]floats, 2+len(state))
	for i, m := range append([]engine.Memory{w, grad}, state...) {
		var err error
		if arrays[i], err = floatsOf(m, n, "step"); err != nil {
			return err
		}
	}
	switch r := rule.(type) {
	case engine.SGDUpdate:
		sgd(r, arrays[0], arrays[1], arrays[2])
	case engine.AdamWUpdate:
		adamW(r, arrays[0], arrays[1], arrays[2], arrays[3])
	default:
		return fmt.Errorf("ref: %w", engine.NoUpdate(rule))
	}
	return nil
}

func sgd(u engine.SGDUpdate, w, grad, velocity floats) {
	for i := range w.len() {
		g := float64(u.GradScale)*grad.at(i) + float64(u.Decay)*w.at(i)
		switch {
		case w.at(i) > 0:
			g += float64(u.L1)
		case w.at(i) < 0:
			g -= float64(u.L1)
		}
		velocity.set(i, float64(u.Momentum)*velocity.at(i)+g)
		w.set(i, w.at(i)-float64(u.LR)*velocity.at(i))
	}
}

func adamW(u engine.AdamWUpdate, w, grad, mean, square floats) {
	correction1, correction2 := 1-math.Pow(u.Beta1, float64(u.Step)), 1-math.Pow(u.Beta2, float64(u.Step))
	for i := range w.len() {
		g := u.GradScale * grad.at(i)
		mean.set(i, u.Beta1*mean.at(i)+(1-u.Beta1)*g)
		square.set(i, u.Beta2*square.at(i)+(1-u.Beta2)*g*g)
		kept := (1 - u.LR*u.Decay) * w.at(i)
		w.set(i, kept-u.LR*mean.at(i)/correction1/(math.Sqrt(square.at(i)/correction2)+u.Eps))
	}
}

// Blend implements engine.Device.
func (d *Device) Blend(dst, src engine.Memory, n int, a, b float32) error {
	to, err := floatsOf(dst, n, "blend")
	if err != nil {
		return err
	}
	from, err := floatsOf(src, n, "blend")
	if err != nil {
		return err
	}
	for i := range n {
		v := float64(a) * from.at(i)
		if b != 0 {
			v += float64(b) * to.at(i)
		}
		to.set(i, v)
	}
	return nil
}

// SumSquares implements engine.Device, in the order of the elements.
func (d *Device) SumSquares(src engine.Memory, n int) (float64, error) {
	values, err := floatsOf(src, n, "sum")
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for i := range values.len() {
		sum += values.at(i) * values.at(i)
	}
	return sum, nil
}
