//go:build gpu

package cuda

import (
	"errors"
	"fmt"

	"scalenet/engine"
	"scalenet/nn"

	"gorgonia.org/cu"
)

func (c *compiler) elementwise() error {
	in, y, n := c.in, c.out, size(c.out)
	if _, ok := c.op.(engine.Cast); ok {
		return c.cast()
	}
	t, err := feature(append([]engine.Tensor{y}, in...)...)
	if err != nil {
		return err
	}
	switch c.op.(type) {
	case nn.ReLU:
		return c.step("relu_"+t, n, in[0], y, n)
	case nn.ReLUGrad:
		return c.step("relu_grad_"+t, n, in[0], in[1], y, n)
	case nn.GELU:
		return c.step("gelu_"+t, n, in[0], y, n)
	case nn.GELUGrad:
		return c.step("gelu_grad_"+t, n, in[0], in[1], y, n)
	case nn.HardSwish:
		return c.step("hard_swish_"+t, n, in[0], y, n)
	case nn.HardSwishGrad:
		return c.step("hard_swish_grad_"+t, n, in[0], in[1], y, n)
	case nn.HardSigmoid:
		return c.step("hard_sigmoid_"+t, n, in[0], y, n)
	case nn.HardSigmoidGrad:
		return c.step("hard_sigmoid_grad_"+t, n, in[0], in[1], y, n)
	case nn.Sigmoid:
		return c.step("sigmoid_"+t, n, in[0], y, n)
	case nn.SigmoidGrad:
		return c.step("sigmoid_grad_"+t, n, in[0], in[1], y, n)
	case nn.Add:
		return c.step("add_"+t, n, in[0], in[1], y, n, false)
	case engine.AddReLU:
		return c.step("add_"+t, n, in[0], in[1], y, n, true)
	case engine.AddReLUGrad:
		return c.step("add_relu_grad_"+t, n, in[0], in[1], in[2], y, n)
	}
	return errors.ErrUnsupported
}

func (c *compiler) cast() error {
	x, y := c.in[0], c.out
	from, err := feature(x)
	if err != nil {
		return err
	}
	to, err := feature(y)
	if err != nil {
		return err
	}
	if from == to {
		return c.copyRows(at(x), at(y), 1, y.Bytes(), y.Bytes(), y.Bytes())
	}
	return c.step("cast_"+from+"_"+to, size(y), x, y, size(y))
}

// rearrange copies: each part of a tensor along an axis is `rows` rows of bytes at a distance from one another.
func (c *compiler) rearrange() error {
	for _, t := range c.in {
		if t.Type != c.out.Type {
			return errors.New("these types do not go together")
		}
	}
	x, y := c.in[0], c.out
	switch op := c.op.(type) {
	case nn.Reshape:
		if at(x) == at(y) {
			return nil
		}
		return c.copyRows(at(x), at(y), 1, y.Bytes(), y.Bytes(), y.Bytes())
	case nn.Row:
		return c.copyRows(at(x)+cu.DevicePtr(op.Index*y.Bytes()), at(y), 1, y.Bytes(), y.Bytes(), y.Bytes())
	case nn.Slice:
		whole, part := span(x, op.Axis), span(y, op.Axis)
		return c.copyRows(at(x)+cu.DevicePtr(op.From*whole.step), at(y), part.rows, part.row, whole.row, part.row)
	case nn.Embed:
		whole, part := span(y, op.Axis), span(x, op.Axis)
		c.steps = append(c.steps, func() error {
			return describe(cu.MemsetD8Async(at(y), 0, int64(y.Bytes()), c.device.stream))
		})
		return c.copyRows(at(x), at(y)+cu.DevicePtr(op.From*whole.step), part.rows, part.row, part.row, whole.row)
	case nn.Concat:
		whole, to := span(y, op.Axis), at(y)
		for _, x := range c.in {
			part := span(x, op.Axis)
			if err := c.copyRows(at(x), to, part.rows, part.row, part.row, whole.row); err != nil {
				return err
			}
			to += cu.DevicePtr(part.row)
		}
		return nil
	}
	return errors.ErrUnsupported
}

// copyRows copies rows of `row` bytes that lie `from` bytes apart to where they lie `to` bytes apart.
func (c *compiler) copyRows(x, y cu.DevicePtr, rows, row, from, to int) error {
	word := c.out.Type.Size()
	if word != 2 && word != 4 {
		return fmt.Errorf("no copies of %v", c.out.Type)
	}
	return c.step(fmt.Sprintf("copy_rows_%d", word), rows*row/word, x, y, row/word, from/word, to/word, rows*row/word)
}

// along is a tensor seen along an axis: rows of `row` bytes, in which one index of the axis takes `step`.
type along struct{ rows, row, step int }

func span(t engine.Tensor, axis int) along {
	rows, step := 1, t.Type.Size()
	for _, s := range t.Shape[:axis] {
		rows *= s
	}
	for _, s := range t.Shape[axis+1:] {
		step *= s
	}
	return along{rows, t.Shape[axis] * step, step}
}

// scaleChannels multiplies the channels of each image, then adds and rectifies.
func (c *compiler) scaleChannels(op engine.ScaleBlock) error {
	x, scale, y := c.in[0], c.in[1], c.out
	t, err := feature(append([]engine.Tensor{y}, c.in...)...)
	if err != nil {
		return err
	}
	var residual any
	if op.Residual {
		residual = c.in[2]
	}
	return c.step("scale_channels_"+t, size(y), x, scale, residual, y, x.Shape[3], size(x)/x.Shape[0], size(y), op.ReLU)
}

func (c *compiler) scaleChannelsGrad() error {
	x, dy, dscale := c.in[0], c.in[1], c.out
	t, err := feature(x, dy, dscale)
	if err != nil {
		return err
	}
	return c.step("scale_channels_grad_"+t, size(dscale), x, dy, dscale, x.Shape[3], x.Shape[1]*x.Shape[2], size(dscale))
}
