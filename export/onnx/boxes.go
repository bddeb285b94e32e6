package onnx

import (
	"scalenet/geom"
	"scalenet/rpn"
)

// anchors are those of a level (cells * A, 4), for features of h x w cells, in order (H, W, A).
func (b *builder) anchors(a rpn.Anchors, h, w value, padded sides) value {
	across, down := b.float(float32(a.Stride)), b.float(float32(a.Stride))
	if a.Spacing == rpn.SpacingFloor {
		across, down = b.cast(b.op("Div", padded.w, w), float32Type), b.cast(b.op("Div", padded.h, h), float32Type)
	}
	shift := func(n, step value, row ...int) value {
		return b.reshape(b.op("Mul", b.cast(b.upTo(n), float32Type), step), row...)
	}
	size := b.concat(0, h, w, b.ints(1, 1))
	x := b.op("Expand", shift(w, across, 1, -1, 1, 1), size)
	y := b.op("Expand", shift(h, down, -1, 1, 1, 1), size)
	var cell []float64
	for _, v := range geom.Rows(a.Cell()) {
		cell = append(cell, float64(v))
	}
	boxes := b.op("Add", b.concat(3, x, y, x, y), b.constant(float32Type, []int{a.PerCell(), 4}, cell))
	return b.reshape(boxes, -1, 4)
}

// decoded are boxes (..., 4) by their corners (..., 2), and their widths and heights in the box convention.
type decoded struct{ low, high, side value }

// decode is geom.Coder.Decode and Convention.Clip. References and deltas are (..., 4), in shapes that fit together; limit is the largest corner.
func (b *builder) decode(c geom.Coder, references, deltas, limit value) decoded {
	half := func(x value, i int) value { return b.slice(x, -1, 2*i, 2*i+2) }
	extra, w := b.float(c.Convention.Extra()), c.Weights
	low := half(references, 0)
	side := b.op("Add", b.op("Sub", half(references, 1), low), extra)
	centre := b.op("Add", low, b.op("Mul", side, b.float(0.5)))
	centre = b.op("Add", b.op("Mul", b.op("Div", half(deltas, 0), b.float(w[0], w[1])), side), centre)
	grow := b.op("Exp", b.op("Min", b.op("Div", half(deltas, 1), b.float(w[2], w[3])), b.float(geom.MaxLogScale)))
	reach := b.op("Mul", b.op("Mul", grow, side), b.float(0.5))
	clip := func(x value) value { return b.clip(x, limit) }
	d := decoded{low: clip(b.op("Sub", centre, reach)), high: clip(b.op("Add", centre, reach))}
	d.side = b.op("Add", b.op("Sub", d.high, d.low), extra)
	return d
}

// clip limits coordinates to those from 0 to limit.
func (b *builder) clip(x, limit value) value { return b.op("Min", b.op("Max", x, b.float(0)), limit) }

// atLeast reports which boxes have no side below a minimum.
func (b *builder) atLeast(d decoded, side float64) value {
	shortest := b.with("ReduceMin", attributes{"axes": []int{-1}, "keepdims": 0}, d.side)
	return b.op("GreaterOrEqual", shortest, b.float(float32(side)))
}

// suppressed is NMS over the boxes (M, R, 4) of M groups by scores (M, R): the scores of the boxes that are kept, at most `most` of each group, and
// `none` for all others. Scores must be above none. Inclusive boxes become continuous, which have the same overlaps.
func (b *builder) suppressed(c geom.Convention, boxes, scores value, iou float64, most int, none float32) value {
	if c == geom.Inclusive {
		boxes = b.op("Add", boxes, b.float(0, 0, 1, 1))
	}
	chosen := b.op("NonMaxSuppression", boxes, b.op("Unsqueeze", scores, b.ints(1)), b.ints(most), b.float(geom.Threshold(iou)), b.float(none))
	at := b.with("Gather", attributes{"axis": 1}, chosen, b.ints(0, 2)) // group and box
	empty := b.op("Expand", b.float(none), b.shape(scores))
	return b.op("ScatterND", empty, at, b.op("GatherND", scores, at))
}
