package onnx

import "math"

// concat joins values along an axis.
func (b *builder) concat(axis int, list ...value) value {
	if len(list) == 1 {
		return list[0]
	}
	return b.with("Concat", attributes{"axis": axis}, list...)
}

// shape is the shape of a value.
func (b *builder) shape(x value) value { return b.op("Shape", x) }

// size is the length of a dimension, a list of one integer.
func (b *builder) size(x value, axis int) value { return b.op("Gather", b.shape(x), b.ints(axis)) }

// reshape gives a value another shape. A size of 0 is that of the value, -1 is what is left.
func (b *builder) reshape(x value, sizes ...int) value {
	return b.op("Reshape", x, b.ints(sizes...))
}

// reshapeTo is reshape to sizes that are values.
func (b *builder) reshapeTo(x value, sizes ...value) value {
	return b.op("Reshape", x, b.concat(0, sizes...))
}

// transpose changes the order of the dimensions.
func (b *builder) transpose(x value, order ...int) value {
	return b.with("Transpose", attributes{"perm": order}, x)
}

// slice takes [from, to) along an axis; to may be endless.
func (b *builder) slice(x value, axis, from, to int) value {
	return b.op("Slice", x, b.ints(from), b.ints(to), b.ints(axis))
}

const endless = math.MaxInt32

// scalar is a list of one without its dimension.
func (b *builder) scalar(x value) value { return b.op("Squeeze", x, b.ints(0)) }

// upTo is the list of integers from 0 to before n.
func (b *builder) upTo(n value) value {
	return b.op("Range", b.scalar(b.ints(0)), b.scalar(n), b.scalar(b.ints(1)))
}

// filled is a value of the same number everywhere.
func (b *builder) filled(x float32, sizes ...value) value {
	return b.op("Expand", b.float(x), b.concat(0, sizes...))
}

// where lists the indices (count, dimensions) at which a condition holds.
func (b *builder) where(condition value) value {
	return b.transpose(b.op("NonZero", condition), 1, 0)
}

// topK returns the k largest of each row, in descending order, and their indices.
func (b *builder) topK(x, k value) (values, indices value) {
	out := b.outputs("TopK", 2, attributes{"axis": 1}, x, k)
	return out[0], out[1]
}

// rows takes from x (N, M, ...) the rows whose indices (N, k) are given for each image: (N, k, ...).
func (b *builder) rows(x, indices value) value {
	return b.with("GatherND", attributes{"batch_dims": 1}, x, b.op("Unsqueeze", indices, b.ints(-1)))
}
