package cpu

// #include "kernels.h"
import "C"

import (
	"errors"

	"scalenet/engine"
	"scalenet/nn"
)

func window(x, y engine.Tensor, kernel, stride, pad int) *C.sn_pool {
	return &C.sn_pool{
		n: C.int64_t(x.Shape[0]), h: C.int64_t(x.Shape[1]), w: C.int64_t(x.Shape[2]), c: C.int64_t(x.Shape[3]),
		oh: C.int64_t(y.Shape[1]), ow: C.int64_t(y.Shape[2]),
		kernel: C.int64_t(kernel), stride: C.int64_t(stride), pad: C.int64_t(pad),
	}
}

func (c *compiler) pool() error {
	x, y := c.in[0], c.out
	switch c.op.(type) {
	case nn.GlobalAvgPool2D, nn.GlobalAvgPool2DGrad:
		return c.globalPool()
	}
	t, err := feature(append([]engine.Tensor{y}, c.in...)...)
	if err != nil {
		return err
	}
	switch op := c.op.(type) {
	case nn.MaxPool2D:
		p := window(x, y, op.Kernel, op.Stride, op.Pad)
		return c.loop(func() { C.sn_max_pool(t, p, at(x), at(y)) })
	case nn.AvgPool2D:
		p := window(x, y, op.Kernel, op.Stride, op.Pad)
		return c.loop(func() { C.sn_avg_pool(t, p, at(x), at(y)) })
	case nn.MaxPool2DGrad:
		dy := c.in[1]
		p := window(x, dy, op.MaxPool2D.Kernel, op.MaxPool2D.Stride, op.MaxPool2D.Pad)
		return c.loop(func() { C.sn_max_pool_grad(t, p, at(x), at(dy), at(y)) })
	case nn.AvgPool2DGrad:
		p := window(y, x, op.AvgPool2D.Kernel, op.AvgPool2D.Stride, op.AvgPool2D.Pad)
		return c.loop(func() { C.sn_avg_pool_grad(t, p, at(x), at(y)) })
	}
	return errors.ErrUnsupported
}

// globalPool may change the element type: sums are float32 within.
func (c *compiler) globalPool() error {
	x, y := c.in[0], c.out
	xt, err := feature(x)
	if err != nil {
		return err
	}
	yt, err := feature(y)
	if err != nil {
		return err
	}
	large := x
	if _, ok := c.op.(nn.GlobalAvgPool2DGrad); ok {
		large = y
	}
	s := large.Shape
	n, pixels, ch := C.int64_t(s[0]), C.int64_t(s[1]*s[2]), C.int64_t(s[3])
	if _, ok := c.op.(nn.GlobalAvgPool2DGrad); ok {
		return c.loop(func() { C.sn_global_avg_pool_grad(xt, yt, at(x), at(y), n, pixels, ch) })
	}
	return c.loop(func() { C.sn_global_avg_pool(xt, yt, at(x), at(y), n, pixels, ch) })
}
