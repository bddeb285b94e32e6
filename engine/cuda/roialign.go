//go:build gpu

package cuda

import (
	"errors"

	"scalenet/engine"
	"scalenet/nn"
)

// roiAlign launches a kernel per level, which writes the rows of that level's RoIs.
func (c *compiler) roiAlign(op nn.RoIAlign) error {
	levels, rois, y := c.in[:len(c.in)-1], c.in[len(c.in)-1], c.out
	t, err := feature(append(levels[:len(levels):len(levels)], y)...)
	if err := errors.Join(err, engine.CheckType(engine.Float32, rois)); err != nil {
		return err
	}
	for i, x := range levels {
		s := x.Shape
		low, high := op.Areas(i, len(levels))
		if err := c.step("roi_align_"+t, size(y), x, rois, y, s[0], s[1], s[2], s[3], op.Size, float32(op.LevelScale(i)), low, high, op.Sampling, op.Aligned,
			op.Points.Kind(), c.device.transfers.fault, size(y)); err != nil {
			return err
		}
	}
	return nil
}

// roiAlignGrad first finds each row's and column's share in each region's bins, and which have any.
func (c *compiler) roiAlignGrad(op nn.RoIAlignGrad) error {
	dy, rois, dx := c.in[0], c.in[1], c.out
	t, err := feature(dy, dx)
	if err := errors.Join(err, engine.CheckType(engine.Float32, rois)); err != nil {
		return err
	}
	r, regions := op.RoIAlign, rois.Shape[0]
	low, high := r.Areas(op.Level, op.Levels)
	var shares, spans [2]shared
	for i, side := range []int{op.Height, op.Width} {
		n := regions * r.Size * side
		shares[i], spans[i] = c.scratch(4*n), c.scratch(2*4*regions)
		err = errors.Join(err,
			c.step("roi_shares", n, rois, shares[i], side, 1-i, r.Size, float32(r.LevelScale(op.Level)), low, high, r.Sampling, r.Aligned,
				r.Points.Kind(), n),
			c.step("roi_spans", regions, shares[i], spans[i], side, r.Size, regions))
	}
	return errors.Join(err, c.step("roi_align_grad_"+t, size(dx), dy, rois, shares[0], shares[1], spans[0], spans[1], dx,
		op.Images, op.Height, op.Width, dx.Shape[3], r.Size, regions, c.device.transfers.fault, size(dx)))
}
