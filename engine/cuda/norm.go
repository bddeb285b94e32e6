//go:build gpu

package cuda

import (
	"errors"
	"fmt"

	"scalenet/engine"
	"scalenet/nn"

	"gorgonia.org/cu"
)

// segments is into how many parts the rows of a matrix go for sums over them: enough threads for any GPU, rows enough for each.
func segments(rows, channels int) int {
	const wanted = 1 << 16 // threads
	return max(1, min(rows/32, (wanted+channels-1)/channels, 512))
}

func (c *compiler) biasGrad() error {
	dy := c.in[0]
	t, err := feature(dy)
	if err := errors.Join(err, engine.CheckType(engine.Float32, c.out)); err != nil {
		return err
	}
	rows, ch := matrix(dy)
	parts := segments(rows, ch)
	partial := c.scratch(4 * parts * ch)
	return errors.Join(
		c.step("column_sums_"+t, parts*ch, dy, partial, rows, ch, parts),
		c.step("add_segments", ch, partial, c.out, ch, parts))
}

func (c *compiler) norm() error {
	switch op := c.op.(type) {
	case nn.Moments2D:
		return c.moments()
	case nn.BatchNorm2DGradParams:
		return c.normGradParams(op)
	case nn.BatchNorm2DGradInput:
		return c.normGradInput(op)
	case nn.FrozenBatchNorm2D:
		return c.frozenNorm(op, false)
	case engine.FrozenNormReLU:
		return c.frozenNorm(op.FrozenBatchNorm2D, true)
	case nn.FrozenBatchNorm2DGrad:
		return c.affine(c.in[1:], c.in[1], nil, nil, c.in[2], op.Eps, nil, false)
	}
	return errors.ErrUnsupported
}

func (c *compiler) frozenNorm(op nn.FrozenBatchNorm2D, relu bool) error {
	in := c.in
	var bias, mean any = in[2], in[3]
	if op.ScaleOnly {
		bias, mean = nil, nil
	}
	return c.affine(in[1:], in[1], bias, mean, in[4], op.Eps, nil, relu)
}

func (c *compiler) moments() error {
	x := c.in[0]
	t, err := feature(x)
	if err := errors.Join(err, engine.CheckType(engine.Float32, c.out)); err != nil {
		return err
	}
	rows, ch := matrix(x)
	parts := segments(rows, ch)
	partial := c.scratch(2 * 4 * parts * ch)
	return errors.Join(
		c.step("segment_moments_"+t, parts*ch, x, partial, rows, ch, parts),
		c.step("join_moments", ch, partial, c.out, rows, ch, parts))
}

func (c *compiler) normBlock(op engine.NormBlock) error {
	var residual any
	if op.Residual {
		r := c.in[4]
		if r.Type != c.out.Type {
			return fmt.Errorf("residual %v", r.Desc)
		}
		residual = r
	}
	moments := at(c.in[3])
	variance := moments + cu.DevicePtr(4*size(c.in[1]))
	return c.affine(c.in[1:4], c.in[1], c.in[2], moments, variance, op.BatchNorm2D.Eps, residual, op.ReLU)
}

// affine is a norm by given statistics: the scale and shift of each channel, made anew in every run, then one pass. Without bias there
// is no shift.
func (c *compiler) affine(params []engine.Tensor, weight engine.Tensor, bias, mean, variance any, eps float64, residual any, relu bool) error {
	x, y := c.in[0], c.out
	t, err := feature(x, y)
	if err := errors.Join(err, engine.CheckType(engine.Float32, params...)); err != nil {
		return err
	}
	_, ch := matrix(x)
	scale := c.scratch(4 * ch)
	var shift any
	if bias != nil {
		shift = c.scratch(4 * ch)
	}
	return errors.Join(
		c.step("norm_coefficients", ch, weight, bias, mean, variance, eps, scale, shift, ch),
		c.step("affine_"+t, size(y), x, scale, shift, residual, y, ch, size(y), relu))
}

func (c *compiler) normGradParams(op nn.BatchNorm2DGradParams) error {
	x, moments, dy := c.in[0], c.in[1], c.in[2]
	t, err := feature(x, dy)
	if err := errors.Join(err, engine.CheckType(engine.Float32, moments, c.out)); err != nil {
		return err
	}
	rows, ch := matrix(x)
	parts := segments(rows, ch)
	weights, biases := shared(c.need), shared(c.need+4*parts*ch)
	c.scratch(2 * 4 * parts * ch)
	return errors.Join(
		c.step("norm_grad_params_"+t, parts*ch, x, moments, dy, op.Eps, weights, rows, ch, parts),
		c.step("add_segments", ch, weights, c.out, ch, parts),
		c.step("add_segments", ch, biases, at(c.out)+cu.DevicePtr(4*ch), ch, parts))
}

func (c *compiler) normGradInput(op nn.BatchNorm2DGradInput) error {
	x, weight, moments, dy, dparams := c.in[0], c.in[1], c.in[2], c.in[3], c.in[4]
	t, err := feature(x, dy, c.out)
	if err := errors.Join(err, engine.CheckType(engine.Float32, weight, moments, dparams)); err != nil {
		return err
	}
	rows, ch := matrix(x)
	return c.step("norm_grad_input_"+t, size(x), x, weight, moments, dy, dparams, op.Eps, c.out, rows, ch, size(x))
}
