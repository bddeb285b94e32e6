package cpu

// #include "kernels.h"
import "C"

import (
	"errors"

	"scalenet/engine"
)

func (c *compiler) linear() error {
	x, w := c.in[0], c.in[1]
	params := c.in[1:]
	if err := engine.CheckType(engine.Float32, params...); err != nil {
		return err
	}
	xt, err := feature(x)
	if err != nil {
		return err
	}
	yt, err := feature(c.out)
	if err != nil {
		return err
	}
	l := C.sn_linear{n: C.int64_t(x.Shape[0]), weight: weightOf(w, 0, 0), x_type: xt, y_type: yt, x: at(x), y: at(c.out)}
	if len(params) == 2 {
		l.weight.bias = floats(params[1])
	}
	l.weight.identity = identity(params)
	var failure message
	return c.onednnKernel(C.sn_linear_forward(c.device.handle, &l, failure.c()), &failure, params...)
}

func (c *compiler) linearGradInput() error {
	dy, w := c.in[0], c.in[1]
	t, err := feature(dy, c.out)
	if err := errors.Join(err, engine.CheckType(engine.Float32, w)); err != nil {
		return err
	}
	l := C.sn_linear{n: C.int64_t(dy.Shape[0]), weight: weightOf(w, 0, 0), x_type: t, y_type: t, x: at(dy), y: at(c.out)}
	l.weight.identity = identity(c.in[1:2])
	var failure message
	return c.onednnKernel(C.sn_linear_backward_input(c.device.handle, &l, failure.c()), &failure, w)
}

func (c *compiler) linearGradWeight() error {
	x, dy := c.in[0], c.in[1]
	t, err := feature(x, dy)
	if err := errors.Join(err, engine.CheckType(engine.Float32, c.out)); err != nil {
		return err
	}
	n, ci, co := C.int64_t(x.Shape[0]), C.int64_t(x.Shape[1]), C.int64_t(dy.Shape[1])
	var failure message
	return c.onednnKernel(C.sn_linear_backward_weight(c.device.handle, n, ci, co, t, at(x), at(dy), floats(c.out),
		failure.c()), &failure)
}
