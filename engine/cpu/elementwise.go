package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"scalenet/engine"
	"scalenet/nn"
)

func (c *compiler) elementwise() error {
	in, y, n := c.in, at(c.out), size(c.out)
	if _, ok := c.op.(engine.Cast); ok {
		return c.cast()
	}
	for _, t := range in {
		if t.Shape.TotalSize() != int(n) {
			return fmt.Errorf("%v for %d values", t.Desc, n)
		}
	}
	t, err := feature(append([]engine.Tensor{c.out}, in...)...)
	if err != nil {
		return err
	}
	switch c.op.(type) {
	case nn.ReLU:
		return c.loop(func() { C.sn_relu(t, at(in[0]), y, n) })
	case nn.ReLUGrad:
		return c.loop(func() { C.sn_relu_grad(t, at(in[0]), at(in[1]), y, n) })
	case nn.GELU:
		return c.loop(func() { C.sn_gelu(t, at(in[0]), y, n) })
	case nn.GELUGrad:
		return c.loop(func() { C.sn_gelu_grad(t, at(in[0]), at(in[1]), y, n) })
	case nn.HardSwish:
		return c.loop(func() { C.sn_hard_swish(t, at(in[0]), y, n) })
	case nn.HardSwishGrad:
		return c.loop(func() { C.sn_hard_swish_grad(t, at(in[0]), at(in[1]), y, n) })
	case nn.HardSigmoid:
		return c.loop(func() { C.sn_hard_sigmoid(t, at(in[0]), y, n) })
	case nn.HardSigmoidGrad:
		return c.loop(func() { C.sn_hard_sigmoid_grad(t, at(in[0]), at(in[1]), y, n) })
	case nn.Sigmoid:
		return c.loop(func() { C.sn_sigmoid(t, at(in[0]), y, n) })
	case nn.SigmoidGrad:
		return c.loop(func() { C.sn_sigmoid_grad(t, at(in[0]), at(in[1]), y, n) })
	case nn.Add:
		return c.loop(func() { C.sn_add(t, at(in[0]), at(in[1]), 0, y, n) })
	case engine.AddReLU:
		return c.loop(func() { C.sn_add(t, at(in[0]), at(in[1]), 1, y, n) })
	case engine.AddReLUGrad:
		return c.loop(func() { C.sn_add_relu_grad(t, at(in[0]), at(in[1]), at(in[2]), y, n) })
	}
	return errors.ErrUnsupported
}

func (c *compiler) cast() error {
	from, err := feature(c.in[0])
	if err != nil {
		return err
	}
	to, err := feature(c.out)
	if err != nil {
		return err
	}
	x, y, n := at(c.in[0]), at(c.out), size(c.out)
	return c.loop(func() { C.sn_cast(from, to, x, y, n) })
}

// rearrange copies: each part of a tensor along an axis is `outer` rows of bytes
// at a distance from one another.
func (c *compiler) rearrange() error {
	for _, t := range c.in {
		if t.Type != c.out.Type {
			return errors.New("these types do not go together")
		}
	}
	x, y := c.in[0], c.out
	switch op := c.op.(type) {
	case nn.Reshape:
		bytes := C.int64_t(y.Bytes())
		return c.loop(func() {
			if at(x) != at(y) {
				C.sn_copy_rows(at(x), bytes, at(y), bytes, bytes, 1)
			}
		})
	case nn.Row:
		if op.Index < 0 || op.Index >= x.Shape[0] {
			return fmt.Errorf("row %d of %d", op.Index, x.Shape[0])
		}
		bytes := C.int64_t(y.Bytes())
		from := unsafe.Add(at(x), op.Index*y.Bytes())
		return c.loop(func() { C.sn_copy_rows(from, bytes, at(y), bytes, bytes, 1) })
	case nn.Slice:
		outer, whole, part := span(x, op.Axis), span(x, op.Axis), span(y, op.Axis)
		from := unsafe.Add(at(x), op.From*whole.step)
		return c.loop(func() { C.sn_copy_rows(from, whole.row, at(y), part.row, part.row, outer.rows) })
	case nn.Embed:
		whole, part := span(y, op.Axis), span(x, op.Axis)
		to := unsafe.Add(at(y), op.From*whole.step)
		return c.loop(func() {
			C.sn_clear(at(y), C.int64_t(y.Bytes()))
			C.sn_copy_rows(at(x), part.row, to, whole.row, part.row, part.rows)
		})
	case nn.Concat:
		whole, in := span(y, op.Axis), c.in
		return c.loop(func() {
			to := at(y)
			for _, x := range in {
				part := span(x, op.Axis)
				C.sn_copy_rows(at(x), part.row, to, whole.row, part.row, part.rows)
				to = unsafe.Add(to, int(part.row))
			}
		})
	}
	return errors.ErrUnsupported
}

// along is a tensor seen along an axis: rows of `row` bytes, in which one index
// of the axis takes `step`.
type along struct {
	rows, row C.int64_t
	step      int
}

func span(t engine.Tensor, axis int) along {
	rows, step := 1, t.Type.Size()
	for _, s := range t.Shape[:axis] {
		rows *= s
	}
	for _, s := range t.Shape[axis+1:] {
		step *= s
	}
	return along{C.int64_t(rows), C.int64_t(t.Shape[axis] * step), step}
}
