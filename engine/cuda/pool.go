//go:build gpu

package cuda

import (
	"errors"

	"scalenet/engine"
	"scalenet/nn"
)

func (c *compiler) pool() error {
	x, y := c.in[0], c.out
	switch c.op.(type) {
	case nn.GlobalAvgPool2D:
		t, err := feature(x)
		if err := errors.Join(err, engine.CheckType(engine.Float32, y)); err != nil {
			return err
		}
		return c.step("global_avg_pool_"+t, size(y), x, y, x.Shape[3], x.Shape[1]*x.Shape[2], size(y))
	case nn.GlobalAvgPool2DGrad:
		t, err := feature(y)
		if err != nil {
			return err
		}
		if x.Type.Is16Bit() { // a matrix that is a view of features
			if x, err = c.widened(x); err != nil {
				return err
			}
		}
		if err := engine.CheckType(engine.Float32, x); err != nil {
			return err
		}
		return c.step("global_avg_pool_grad_"+t, size(y), x, y, y.Shape[3], y.Shape[1]*y.Shape[2], size(y))
	}
	t, err := feature(append([]engine.Tensor{y}, c.in...)...)
	if err != nil {
		return err
	}
	// A thread an element of the output; the sides are those of the large and the small tensor.
	pool := func(name string, tensors []any, large, small engine.Tensor, kernel, stride, pad int) error {
		l, s := large.Shape, small.Shape
		return c.step(name+"_"+t, size(y), append(tensors, l[1], l[2], s[1], s[2], l[3], kernel, stride, pad, size(y))...)
	}
	switch op := c.op.(type) {
	case nn.MaxPool2D:
		return pool("max_pool", []any{x, y}, x, y, op.Kernel, op.Stride, op.Pad)
	case nn.AvgPool2D:
		return pool("avg_pool", []any{x, y}, x, y, op.Kernel, op.Stride, op.Pad)
	case nn.MaxPool2DGrad:
		p := op.MaxPool2D
		return pool("max_pool_grad", []any{x, c.in[1], y}, x, c.in[1], p.Kernel, p.Stride, p.Pad)
	case nn.AvgPool2DGrad:
		p := op.AvgPool2D
		return pool("avg_pool_grad", []any{x, y}, y, x, p.Kernel, p.Stride, p.Pad)
	}
	return errors.ErrUnsupported
}
