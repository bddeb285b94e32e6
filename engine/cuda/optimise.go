//go:build gpu

package cuda

import (
	"fmt"
	"unsafe"

	"scalenet/engine"

	"gorgonia.org/cu"
)

// vectors are the first n float32 of memories.
func (d *Device) vectors(n int, ms ...engine.Memory) ([]cu.DevicePtr, error) {
	vs := make([]cu.DevicePtr, len(ms))
	for i, m := range ms {
		b, err := d.owned(m, 4*n)
		if err != nil {
			return nil, err
		}
		vs[i] = b.at
	}
	return vs, nil
}

// once launches a kernel that has no operation.
func (d *Device) once(name string, n int, arguments ...any) error {
	l, err := d.launch(name, n, arguments...)
	if err != nil {
		return err
	}
	return l.run()
}

// Update implements engine.Device.
func (d *Device) Update(rule engine.UpdateRule, w, grad engine.Memory, state []engine.Memory, n int) error {
	return d.optimise(func() error {
		if err := engine.CheckUpdate(rule, state); err != nil {
			return err
		}
		p, err := d.vectors(n, append([]engine.Memory{w, grad}, state...)...)
		if err != nil {
			return err
		}
		switch r := rule.(type) {
		case engine.SGDUpdate:
			return d.once("sgd", n, p[0], p[1], p[2], r.LR, r.Momentum, r.Decay, r.L1, r.GradScale, n)
		case engine.AdamWUpdate:
			c := r.Coefficients()
			return d.once("adamw", n, p[0], p[1], p[2], p[3],
				c.Keep, c.Rest1, c.Beta2, c.Rest2, c.StepSize, c.InverseRoot, c.Eps, c.GradScale, n)
		}
		return engine.NoUpdate(rule)
	})
}

// Blend implements engine.Device.
func (d *Device) Blend(dst, src engine.Memory, n int, a, b float32) error {
	return d.optimise(func() error {
		p, err := d.vectors(n, dst, src)
		if err != nil {
			return err
		}
		if b == 0 && p[0] != p[1] { // the kernel multiplies what may be NaN
			if err := describe(cu.MemsetD8Async(p[0], 0, int64(4*n), d.stream)); err != nil {
				return err
			}
		}
		return d.once("blend", n, p[0], p[1], a, b, n)
	})
}

// SumSquares implements engine.Device. It waits.
func (d *Device) SumSquares(src engine.Memory, n int) (sum float64, err error) {
	err = d.optimise(func() error {
		p, err := d.vectors(n, src)
		if err != nil {
			return err
		}
		if err := d.reserve(8 * (parts + lastParts + 1)); err != nil {
			return err
		}
		partial, last, total := shared(0), shared(8*parts), shared(8*(parts+lastParts))
		if err := d.once("sum_squares", parts, p[0], partial, n, parts); err != nil {
			return err
		}
		if err := d.once("add_parts", lastParts, partial, last, 1, parts, lastParts); err != nil {
			return err
		}
		if err := d.once("last_sum", 1, last, total, lastParts); err != nil {
			return err
		}
		return d.transfers.read(unsafe.Slice((*byte)(unsafe.Pointer(&sum)), 8), d.shared+cu.DevicePtr(total))
	})
	return sum, err
}

// optimise runs f on the device's thread.
func (d *Device) optimise(f func() error) error {
	if err := d.Do(f); err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	return nil
}
