package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"unsafe"

	"golang.org/x/sync/errgroup"

	"scalenet/engine"
	"scalenet/nn"
)

// band is how many rows of an image a thread makes at a time: it resizes two rows of the image more than it has to.
const band = 64

// preprocess runs the Go code of the operation, which resizes each row of an image once, on all threads.
func (c *compiler) preprocess(op nn.Preprocess) error {
	if err := errors.Join(engine.CheckType(engine.UInt8, c.in[0]), engine.CheckType(engine.Int32, c.in[1]),
		engine.CheckType(engine.Float32, c.in[2:]...)); err != nil {
		return err
	}
	bytes := unsafe.Slice((*uint8)(at(c.in[0])), c.in[0].Shape.TotalSize())
	transforms := unsafe.Slice((*int32)(at(c.in[1])), c.in[1].Shape.TotalSize())
	var shifts []float32
	for _, t := range c.in[2:] {
		shifts = unsafe.Slice((*float32)(at(t)), t.Shape.TotalSize())
	}
	single, to := at(c.out), c.out.Type
	switch to {
	case engine.Float32:
	case engine.BFloat16:
		var err error
		if single, err = c.buffer(4 * c.out.Shape.TotalSize()); err != nil {
			return err
		}
	default:
		return errors.ErrUnsupported
	}
	images := unsafe.Slice((*float32)(single), c.out.Shape.TotalSize())
	c.run = func() error {
		if err := preprocess(op, c.device.threads, images, bytes, transforms, shifts); err != nil {
			return err
		}
		if to != engine.Float32 {
			C.sn_cast(C.SN_F32, C.SN_BF16, single, at(c.out), size(c.out))
		}
		return nil
	}
	return nil
}

func preprocess(op nn.Preprocess, threads int, images []float32, bytes []uint8, transforms []int32, shifts []float32) error {
	var group errgroup.Group
	group.SetLimit(threads)
	n := len(transforms) / nn.TransformRow
	for i := range n {
		a, err := op.Transform(len(bytes), transforms, shifts, i)
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		image := images[i*len(images)/n : (i+1)*len(images)/n]
		for first := 0; first < op.Height; first += band {
			group.Go(func() error { return op.FillRows(image, bytes, a, first, min(first+band, op.Height)) })
		}
	}
	return group.Wait()
}
