package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"unsafe"

	"scalenet/engine"
	"scalenet/nn"
)

// regions is the description and scratch memory of RoIAlign on level i of n; x has the features' shape.
func (c *compiler) regions(op nn.RoIAlign, i, n int, x, rois engine.Tensor) (*C.sn_roi, unsafe.Pointer, error) {
	if err := engine.CheckType(engine.Float32, rois); err != nil {
		return nil, nil, err
	}
	low, high := op.Areas(i, n)
	r := &C.sn_roi{
		n: C.int64_t(x.Shape[0]), h: C.int64_t(x.Shape[1]), w: C.int64_t(x.Shape[2]), c: C.int64_t(x.Shape[3]),
		rois: C.int64_t(rois.Shape[0]), size: C.int64_t(op.Size), sampling: C.int64_t(op.Sampling),
		scale: C.float(op.LevelScale(i)), low: C.float(low), high: C.float(high),
	}
	r.points = C.int64_t(op.Points.Kind())
	if op.Aligned {
		r.aligned = 1
	}
	scratch, err := c.buffer(int(C.sn_roi_scratch(r, C.int(c.device.threads))))
	return r, scratch, err
}

// roiAlign runs the levels in turn. Each one writes the rows of its own RoIs.
func (c *compiler) roiAlign(op nn.RoIAlign) error {
	levels, rois, y := c.in[:len(c.in)-1], c.in[len(c.in)-1], c.out
	t, err := feature(append(levels[:len(levels):len(levels)], y)...)
	if err != nil {
		return err
	}
	var runs []func() int64
	for i, x := range levels {
		r, scratch, err := c.regions(op, i, len(levels), x, rois)
		if err != nil {
			return err
		}
		runs = append(runs, func() int64 { return int64(C.sn_roi_align(t, r, at(x), floats(rois), at(y), scratch)) })
	}
	c.run = func() error {
		for _, run := range runs {
			if bad := run(); bad >= 0 {
				return fmt.Errorf("cpu: region %d is of image %v of %d", bad, unsafe.Slice((*float32)(at(rois)), 5*bad+1)[5*bad], levels[0].Shape[0])
			}
		}
		return nil
	}
	return nil
}

func (c *compiler) roiAlignGrad(op nn.RoIAlignGrad) error {
	dy, rois, dx := c.in[0], c.in[1], c.out
	from, err := feature(dy)
	if err != nil {
		return err
	}
	to, err := feature(dx)
	if err != nil {
		return err
	}
	r, scratch, err := c.regions(op.RoIAlign, op.Level, op.Levels, dx, rois)
	if err != nil {
		return err
	}
	if to == C.SN_F32 {
		return c.loop(func() { C.sn_roi_align_grad(from, r, at(dy), floats(rois), floats(dx), scratch) })
	}
	sums, err := c.buffer(4 * dx.Shape.TotalSize())
	if err != nil {
		return err
	}
	return c.loop(func() {
		C.sn_roi_align_grad(from, r, at(dy), floats(rois), (*C.float)(sums), scratch)
		C.sn_cast(C.SN_F32, to, sums, at(dx), size(dx))
	})
}
