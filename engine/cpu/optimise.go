package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"

	"scalenet/engine"
)

// vector is the first n float32 of memory.
func vector(m engine.Memory, n int) (*C.float, error) {
	b, ok := m.(*memory)
	if !ok || b.at == nil {
		return nil, fmt.Errorf("cpu: %T is not this device's memory, or freed", m)
	}
	if n < 0 || 4*n > b.bytes {
		return nil, fmt.Errorf("cpu: %d values in memory of %d bytes", n, b.bytes)
	}
	return (*C.float)(b.at), nil
}

func vectors(n int, ms ...engine.Memory) ([]*C.float, error) {
	vs := make([]*C.float, len(ms))
	for i, m := range ms {
		v, err := vector(m, n)
		if err != nil {
			return nil, err
		}
		vs[i] = v
	}
	return vs, nil
}

// SGD implements engine.Device.
func (d *Device) SGD(w, grad, v engine.Memory, n int, step engine.SGDStep) error {
	p, err := vectors(n, w, grad, v)
	if err := errors.Join(err, writable(w, v)); err != nil {
		return err
	}
	return d.Do(func() error {
		C.sn_sgd(p[0], p[1], p[2], C.int64_t(n), C.float(step.LR), C.float(step.Momentum), C.float(step.Decay), C.float(step.GradScale))
		return nil
	})
}

// Blend implements engine.Device.
func (d *Device) Blend(dst, src engine.Memory, n int, a, b float32) error {
	p, err := vectors(n, dst, src)
	if err := errors.Join(err, writable(dst)); err != nil {
		return err
	}
	return d.Do(func() error {
		C.sn_blend(p[0], p[1], C.int64_t(n), C.float(a), C.float(b))
		return nil
	})
}

// SumSquares implements engine.Device.
func (d *Device) SumSquares(src engine.Memory, n int) (sum float64, err error) {
	p, err := vectors(n, src)
	if err != nil {
		return 0, err
	}
	err = d.Do(func() error {
		sum = float64(C.sn_sum_squares(p[0], C.int64_t(n)))
		return nil
	})
	return sum, err
}
