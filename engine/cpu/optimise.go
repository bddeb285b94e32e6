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

// Update implements engine.Device.
func (d *Device) Update(rule engine.UpdateRule, w, grad engine.Memory, state []engine.Memory, n int) error {
	if err := engine.CheckUpdate(rule, state); err != nil {
		return fmt.Errorf("cpu: %w", err)
	}
	p, err := vectors(n, append([]engine.Memory{w, grad}, state...)...)
	if err := errors.Join(err, writable(append([]engine.Memory{w}, state...)...)); err != nil {
		return err
	}
	return d.Do(func() error { return update(rule, p, C.int64_t(n)) })
}

// update calls the loop of a rule for the parameter, its gradient and its state.
func update(rule engine.UpdateRule, p []*C.float, n C.int64_t) error {
	switch r := rule.(type) {
	case engine.SGDUpdate:
		C.sn_sgd(p[0], p[1], p[2], n, C.float(r.LR), C.float(r.Momentum), C.float(r.Decay), C.float(r.L1), C.float(r.GradScale))
	case engine.AdamWUpdate:
		c := r.Coefficients()
		C.sn_adamw(p[0], p[1], p[2], p[3], n, &C.sn_adamw_step{
			keep: C.float(c.Keep), rest1: C.float(c.Rest1), beta2: C.float(c.Beta2), rest2: C.float(c.Rest2),
			step_size: C.float(c.StepSize), inverse_root: C.float(c.InverseRoot), eps: C.float(c.Eps), grad_scale: C.float(c.GradScale),
		})
	default:
		return fmt.Errorf("cpu: %w", engine.NoUpdate(rule))
	}
	return nil
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
