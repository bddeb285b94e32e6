package ref

import (
	"encoding/binary"
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

// SGD implements engine.Device; the step uses the velocity as it was rounded.
func (d *Device) SGD(w, grad, v engine.Memory, n int, step engine.SGDStep) error {
	weights, err := floatsOf(w, n, "step")
	if err != nil {
		return err
	}
	grads, err := floatsOf(grad, n, "step")
	if err != nil {
		return err
	}
	velocity, err := floatsOf(v, n, "step")
	if err != nil {
		return err
	}
	for i := range n {
		g := float64(step.GradScale)*grads.at(i) + float64(step.Decay)*weights.at(i)
		velocity.set(i, float64(step.Momentum)*velocity.at(i)+g)
		weights.set(i, weights.at(i)-float64(step.LR)*velocity.at(i))
	}
	return nil
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
