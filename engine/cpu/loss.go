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

func (c *compiler) loss() error {
	in, y := c.in, c.out
	if err := engine.CheckType(engine.Float32, in[0], y); err != nil {
		return err
	}
	n, k := matrix(in[0])
	switch op := c.op.(type) {
	case nn.SoftmaxCrossEntropy:
		if err := engine.CheckType(engine.Int32, in[1]); err != nil {
			return err
		}
		c.run = func() error {
			return badLabel(in[1], int(k), C.sn_softmax_cross_entropy(floats(in[0]), labels(in[1]), C.double(op.Smoothing), floats(y), n, k))
		}
		return nil
	case nn.SoftmaxCrossEntropyGrad:
		if err := errors.Join(engine.CheckType(engine.Int32, in[1]), engine.CheckType(engine.Float32, in[2])); err != nil {
			return err
		}
		return c.loop(func() {
			C.sn_softmax_cross_entropy_grad(floats(in[0]), labels(in[1]), C.double(op.Smoothing), floats(in[2]), floats(y), n, k)
		})
	case nn.SigmoidCrossEntropy:
		if err := engine.CheckType(engine.Int32, in[1]); err != nil {
			return err
		}
		c.run = func() error {
			return badLabel(in[1], 2, C.sn_sigmoid_cross_entropy(floats(in[0]), labels(in[1]), floats(y), n*k))
		}
		return nil
	case nn.SigmoidCrossEntropyGrad:
		if err := errors.Join(engine.CheckType(engine.Int32, in[1]), engine.CheckType(engine.Float32, in[2])); err != nil {
			return err
		}
		return c.loop(func() {
			C.sn_sigmoid_cross_entropy_grad(floats(in[0]), labels(in[1]), floats(in[2]), floats(y), n*k)
		})
	case nn.SmoothL1:
		if err := engine.CheckType(engine.Float32, in...); err != nil {
			return err
		}
		return c.loop(func() {
			C.sn_smooth_l1(floats(in[0]), floats(in[1]), floats(in[2]), C.float(op.Beta), floats(y), n*k)
		})
	case nn.SmoothL1Grad:
		if err := engine.CheckType(engine.Float32, in...); err != nil {
			return err
		}
		return c.loop(func() {
			C.sn_smooth_l1_grad(floats(in[0]), floats(in[1]), floats(in[2]), floats(in[3]), C.float(op.Beta), floats(y), n*k)
		})
	}
	return errors.ErrUnsupported
}

// badLabel is the error for the row that a loss found fault with.
func badLabel(t engine.Tensor, classes int, row C.int64_t) error {
	if row < 0 {
		return nil
	}
	label := unsafe.Slice((*int32)(at(t)), t.Shape.TotalSize())[row]
	return fmt.Errorf("cpu: label %d of row %d: there are %d classes", label, row, classes)
}
