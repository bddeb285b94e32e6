package onnx

import (
	"scalenet/nn"
)

// points is RoIAlign of jwyang's detector on one level: Size x Size points per RoI, the first and the last on its borders. RoiAlign has no such points, so
// four pixels are gathered for each.
func (n *network) points(op nn.RoIAlign, features, image, boxes value, scale float64) value {
	scaled := n.op("Mul", boxes, n.float(float32(scale)))
	corner := func(i int) value { return n.slice(scaled, 1, i, i+1) }
	across := n.line(op, corner(0), corner(2), n.size(features, 3))
	down := n.line(op, corner(1), corner(3), n.size(features, 2))
	pixels := n.transpose(features, 0, 2, 3, 1)
	image = n.reshape(image, -1, 1, 1)
	var sum value
	for i, y := range down {
		for j, x := range across {
			row, column := n.op("Unsqueeze", y.at, n.ints(2)), n.op("Unsqueeze", x.at, n.ints(1))
			weight := n.op("Mul", n.op("Unsqueeze", y.weight, n.ints(2)), n.op("Unsqueeze", x.weight, n.ints(1)))
			part := n.op("Mul", n.op("GatherND", pixels, n.indices(image, row, column)), n.op("Unsqueeze", weight, n.ints(3)))
			if i+j == 0 {
				sum = part
			} else {
				sum = n.op("Add", sum, part)
			}
		}
	}
	return n.transpose(sum, 0, 3, 1, 2)
}

// indices joins indices of shapes that fit together to a list of each (..., 3).
func (n *network) indices(of ...value) value {
	shape := n.shape(of[0])
	for _, v := range of[1:] {
		shape = n.op("Max", shape, n.shape(v))
	}
	var list []value
	for _, v := range of {
		list = append(list, n.op("Unsqueeze", n.op("Expand", v, shape), n.ints(3)))
	}
	return n.concat(3, list...)
}

// neighbour is the index of a pixel for each point (R, Size), and its weight.
type neighbour struct{ at, weight value }

// line are the two pixels of each point along one axis of RoIs from low to high (R, 1), in features of a side.
func (n *network) line(op nn.RoIAlign, low, high, side value) [2]neighbour {
	length := n.op("Sub", high, low)
	if op.Points == nn.JwyangAlign {
		length = n.op("Max", n.op("Add", length, n.float(1)), n.float(0))
	}
	bins := make([]float32, op.Size)
	for i := range bins {
		bins[i] = float32(i)
	}
	step := n.op("Div", length, n.float(float32(op.Size-1)))
	at := n.op("Add", low, n.op("Mul", n.float(bins...), step))
	limit := n.cast(side, float32Type)
	if op.Points == nn.JwyangAlign {
		return n.lastCell(at, limit, side)
	}
	first := n.op("Floor", at)
	ahead := n.op("Sub", at, first)
	return [2]neighbour{
		n.inside(first, n.op("Sub", n.float(1), ahead), limit, side),
		n.inside(n.op("Add", first, n.float(1)), ahead, limit, side),
	}
}

// inside gives pixels outside of the features no weight.
func (n *network) inside(at, weight, limit, side value) neighbour {
	within := n.op("And", n.op("GreaterOrEqual", at, n.float(0)), n.op("Less", at, limit))
	return neighbour{n.limited(at, side), n.op("Where", within, weight, n.float(0))}
}

// limited is the index of a pixel of the features.
func (n *network) limited(at, side value) value {
	last := n.op("Sub", side, n.ints(1))
	return n.op("Min", n.op("Max", n.cast(at, int64Type), n.ints(0)), last)
}

// lastCell continues the line through the last two pixels up to the side. A side of one pixel has its value.
func (n *network) lastCell(at, limit, side value) [2]neighbour {
	within := n.op("And", n.op("GreaterOrEqual", at, n.float(0)), n.op("Less", at, limit))
	first := n.op("Min", n.op("Floor", at), n.op("Sub", limit, n.float(2)))
	ahead := n.op("Where", n.op("Less", first, n.float(0)), n.float(1), n.op("Sub", at, first)) // of one pixel, the second is the first
	next := n.op("Add", first, n.float(1))
	return [2]neighbour{
		{n.limited(first, side), n.op("Where", within, n.op("Sub", n.float(1), ahead), n.float(0))},
		{n.limited(next, side), n.op("Where", within, ahead, n.float(0))},
	}
}
