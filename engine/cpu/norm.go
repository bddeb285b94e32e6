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

// sumsScratch is the scratch memory in bytes that sums over rows need.
func (c *compiler) sumsScratch(channels C.int64_t) (*C.double, error) {
	p, err := c.buffer(2 * C.SN_SEGMENTS * 8 * int(channels))
	return (*C.double)(p), err
}

func (c *compiler) biasGrad() error {
	dy := c.in[0]
	t, err := feature(dy)
	if err := errors.Join(err, engine.CheckType(engine.Float32, c.out)); err != nil {
		return err
	}
	rows, ch := matrix(dy)
	scratch, err := c.sumsScratch(ch)
	if err != nil {
		return err
	}
	return c.loop(func() { C.sn_bias_grad(t, at(dy), floats(c.out), scratch, rows, ch) })
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
		return c.affine(c.in[1:], c.in[1], nil, nil, floats(c.in[2]), op.Eps, nil, false)
	}
	return errors.ErrUnsupported
}

func (c *compiler) frozenNorm(op nn.FrozenBatchNorm2D, relu bool) error {
	in := c.in
	bias, mean := floats(in[2]), floats(in[3])
	if op.ScaleOnly {
		bias, mean = nil, nil
	}
	return c.affine(in[1:], in[1], bias, mean, floats(in[4]), op.Eps, nil, relu)
}

func (c *compiler) moments() error {
	x := c.in[0]
	t, err := feature(x)
	if err := errors.Join(err, engine.CheckType(engine.Float32, c.out)); err != nil {
		return err
	}
	rows, ch := matrix(x)
	scratch, err := c.sumsScratch(ch)
	if err != nil {
		return err
	}
	return c.loop(func() { C.sn_moments(t, at(x), floats(c.out), scratch, rows, ch) })
}

func (c *compiler) normBlock(op engine.NormBlock) error {
	inputs := 4
	var residual *engine.Tensor
	if op.Residual {
		inputs, residual = 5, &c.in[len(c.in)-1]
	}
	if err := wantCount(c.in, inputs); err != nil {
		return err
	}
	mean := floats(c.in[3])
	variance := (*C.float)(unsafe.Add(unsafe.Pointer(mean), 4*c.in[1].Shape[0]))
	return c.affine(c.in[1:4], c.in[1], floats(c.in[2]), mean, variance, op.BatchNorm2D.Eps, residual, op.ReLU)
}

// affine is a norm by given statistics: the scale and shift of each channel,
// made anew in every run, then one pass. Without bias there is no shift.
func (c *compiler) affine(params []engine.Tensor, weight engine.Tensor, bias, mean, variance *C.float, eps float64,
	residual *engine.Tensor, relu bool) error {
	x, y := c.in[0], c.out
	t, err := feature(x, y)
	if err := errors.Join(err, engine.CheckType(engine.Float32, params...)); err != nil {
		return err
	}
	rows, ch := matrix(x)
	if int(ch) != weight.Shape.TotalSize() {
		return fmt.Errorf("%v for %d channels", weight.Desc, ch)
	}
	var add unsafe.Pointer
	if residual != nil {
		if !residual.Shape.Equal(y.Shape) || residual.Type != y.Type {
			return fmt.Errorf("residual %v", residual.Desc)
		}
		add = at(*residual)
	}
	coefficients, err := c.buffer(2 * 4 * int(ch))
	if err != nil {
		return err
	}
	scale := (*C.float)(coefficients)
	var shift *C.float
	if bias != nil {
		shift = (*C.float)(unsafe.Add(coefficients, 4*int(ch)))
	}
	rectify := C.int(0)
	if relu {
		rectify = 1
	}
	return c.loop(func() {
		C.sn_norm_coefficients(floats(weight), bias, mean, variance, C.double(eps), scale, shift, ch)
		C.sn_affine(t, at(x), scale, shift, add, rectify, at(y), rows, ch)
	})
}

func (c *compiler) normGradParams(op nn.BatchNorm2DGradParams) error {
	x, moments, dy := c.in[0], c.in[1], c.in[2]
	t, err := feature(x, dy)
	if err := errors.Join(err, engine.CheckType(engine.Float32, moments, c.out)); err != nil {
		return err
	}
	rows, ch := matrix(x)
	scratch, err := c.sumsScratch(ch)
	if err != nil {
		return err
	}
	return c.loop(func() {
		C.sn_norm_grad_params(t, at(x), floats(moments), at(dy), C.double(op.Eps), floats(c.out), scratch, rows, ch)
	})
}

func (c *compiler) normGradInput(op nn.BatchNorm2DGradInput) error {
	x, weight, moments, dy, dparams := c.in[0], c.in[1], c.in[2], c.in[3], c.in[4]
	t, err := feature(x, dy, c.out)
	if err := errors.Join(err, engine.CheckType(engine.Float32, weight, moments, dparams)); err != nil {
		return err
	}
	rows, ch := matrix(x)
	scratch, err := c.buffer(3 * 4 * int(ch))
	if err != nil {
		return err
	}
	return c.loop(func() {
		C.sn_norm_grad_input(t, at(x), floats(weight), floats(moments), at(dy), floats(dparams), C.double(op.Eps), at(c.out),
			(*C.float)(scratch), rows, ch)
	})
}
