package onnx

import (
	"math"

	"scalenet/nn"
)

// roiAlign translates nn.RoIAlign. Each level pools the RoIs of its areas.
func (n *network) roiAlign(op nn.RoIAlign, in []*nn.Node) value {
	levels := len(in) - 1
	rois := n.of(in[levels])
	if levels == 1 {
		return n.pool(op, n.of(in[0]), rois, op.Scale)
	}
	corner := func(i int) value { return n.slice(rois, 1, i, i+1) }
	area := n.op("Mul", n.op("Sub", corner(3), corner(1)), n.op("Sub", corner(4), corner(2)))
	area = n.op("Min", n.reshape(area, -1), n.float(math.MaxFloat32))
	var pooled, places []value
	for i := range levels {
		at := n.reshape(n.op("NonZero", n.onLevel(op, area, i, levels)), -1)
		pooled = append(pooled, n.pool(op, n.of(in[i]), n.op("Gather", rois, at), op.LevelScale(i)))
		places = append(places, at)
	}
	// The RoIs are now in the order of levels: place i has RoI order[i].
	order, count := n.concat(0, places...), n.size(rois, 0)
	back := n.op("ScatterElements", n.upTo(count), order, n.upTo(count))
	return n.op("Gather", n.concat(0, pooled...), back)
}

// onLevel reports which areas are of level i.
func (n *network) onLevel(op nn.RoIAlign, area value, i, levels int) value {
	low, high := op.Areas(i, levels)
	from, below := n.op("GreaterOrEqual", area, n.float(low)), n.op("Less", area, n.float(high))
	switch {
	case i == 0:
		return below
	case i == levels-1:
		return from
	}
	return n.op("And", from, below)
}

// pool is RoIAlign on one level: features (N, C, H, W) and rows (R, 5) -> (R, C, Size, Size).
func (n *network) pool(op nn.RoIAlign, features, rois value, scale float64) value {
	image := n.cast(n.reshape(n.slice(rois, 1, 0, 1), -1), int64Type)
	boxes := n.slice(rois, 1, 1, 5)
	if op.Points != nn.BinPoints {
		return n.points(op, features, image, boxes, scale)
	}
	mode := "output_half_pixel"
	if op.Aligned {
		mode = "half_pixel"
	}
	return n.with("RoiAlign", attributes{
		"coordinate_transformation_mode": mode, "mode": "avg", "output_height": op.Size, "output_width": op.Size,
		"sampling_ratio": op.Sampling, "spatial_scale": float32(scale),
	}, features, boxes, image)
}
