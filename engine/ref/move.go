package ref

import (
	"scalenet/nn"
)

// move is the family of operations that copy values.
func move(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.Concat:
		return of(func(in []array) array { return concat(op.Axis, in) }), true
	case nn.Slice:
		return of(func(in []array) array { return slice(in[0], op.Axis, op.From, op.To) }), true
	case nn.Embed:
		return of(func(in []array) array { return embed(op, in[0]) }), true
	case nn.Reshape:
		// The output tensor has the new shape; the order of values is the same.
		return of(func(in []array) array { return in[0] }), true
	case nn.Row:
		return of(func(in []array) array {
			return array{shape: in[0].shape[1:], data: in[0].row(op.Index)}
		}), true
	}
	return operation{}, false
}

// blocks sees an array as (before the axis, axis, after it): the number of
// blocks and the number of values of a step along the axis.
func blocks(shape []int, axis int) (count, step int) {
	return product(shape[:axis]), product(shape[axis+1:])
}

// paste copies src into dst from position `from` of the axis on.
func paste(dst, src array, axis, from int) {
	count, step := blocks(src.shape, axis)
	short, long := src.shape[axis]*step, dst.shape[axis]*step
	for i := range count {
		copy(dst.data[i*long+from*step:], src.data[i*short:(i+1)*short])
	}
}

func concat(axis int, in []array) array {
	shape := in[0].shape.Clone()
	shape[axis] = 0
	for _, a := range in {
		shape[axis] += a.shape[axis]
	}
	y, from := zeros(shape...), 0
	for _, a := range in {
		paste(y, a, axis, from)
		from += a.shape[axis]
	}
	return y
}

func embed(e nn.Embed, x array) array {
	shape := x.shape.Clone()
	shape[e.Axis] = e.Total
	y := zeros(shape...)
	paste(y, x, e.Axis, e.From)
	return y
}

func slice(x array, axis, from, to int) array {
	shape := x.shape.Clone()
	shape[axis] = to - from
	y := zeros(shape...)
	count, step := blocks(shape, axis)
	short, long := shape[axis]*step, x.shape[axis]*step
	for i := range count {
		copy(y.data[i*short:(i+1)*short], x.data[i*long+from*step:])
	}
	return y
}
