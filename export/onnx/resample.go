package onnx

// The resizes of bytes. Values stay float32, but have been rounded to bytes. Positions are computed in integers: sample i of n is centred at
// (2i+1) size / 2n of a line of size samples, whose sample x is centred at (2x+1) / 2.

// pillow is raster.ResizePillow of x (N, 3, H, W), to the bit: weights are multiples of 2^-22.
func (b *builder) pillow(x value, to sides) value {
	coarse, fine := b.triangles(b.size(x, 3), to.w)
	across := func(weights value) value { return b.op("MatMul", x, b.transpose(weights, 1, 0)) }
	x = b.toBytes(across(coarse), across(fine))
	coarse, fine = b.triangles(b.size(x, 2), to.h)
	return b.toBytes(b.op("MatMul", coarse, x), b.op("MatMul", fine, x))
}

// toBytes adds two sums, multiples of 2^-11 and of 2^-22, and rounds the result half up within 0 to 255. Each step is exact in float32.
func (b *builder) toBytes(coarse, fine value) value {
	x := b.op("Add", coarse, b.float(0.5))
	whole := b.op("Floor", x)
	rest := b.op("Floor", b.op("Add", b.op("Sub", x, whole), fine))
	return b.op("Clip", b.op("Add", whole, rest), b.scalar(b.float(0)), b.scalar(b.float(255)))
}

// triangles are the matrices (n, size) of the weights of a line's samples in each of n samples: those in multiples of 2^-11, rounded down, and what is left
// in multiples of 2^-22, rounded half up.
func (b *builder) triangles(size, n value) (coarse, fine value) {
	const part = 1 << 11
	odd := func(n value) value { return b.op("Add", b.op("Mul", b.upTo(n), b.ints(2)), b.ints(1)) }
	ours := b.op("Unsqueeze", b.op("Mul", odd(n), size), b.ints(1))
	theirs := b.op("Unsqueeze", b.op("Mul", odd(size), n), b.ints(0))
	widest := b.op("Mul", b.op("Max", size, n), b.ints(2))
	shares := b.op("Max", b.op("Sub", widest, b.op("Abs", b.op("Sub", ours, theirs))), b.ints(0))
	sum := b.op("ReduceSum", shares, b.ints(1))
	scaled := b.op("Mul", shares, b.ints(part))
	high := b.op("Div", scaled, sum)
	left := b.op("Mul", b.op("Sub", scaled, b.op("Mul", high, sum)), b.ints(part))
	low := b.op("Div", b.op("Add", left, b.op("Div", sum, b.ints(2))), sum)
	fraction := func(v value, unit float32) value { return b.op("Mul", b.cast(v, float32Type), b.float(unit)) }
	return fraction(high, 1./part), fraction(low, 1./(part*part))
}

// taps are the positions of samples between two neighbours, and the weight of the second one, float32.
type taps struct{ low, high, weight value }

// between limits taps to a line of size samples. low may be outside.
func (b *builder) between(low, weight, size value) taps {
	last := b.op("Sub", size, b.ints(1))
	outside := b.op("Or", b.op("Less", low, b.ints(0)), b.op("GreaterOrEqual", low, last))
	limited := b.op("Min", b.op("Max", low, b.ints(0)), last)
	return taps{limited, b.op("Min", b.op("Add", limited, b.ints(1)), last), b.op("Where", outside, b.float(0), weight)}
}

// lines are the taps of n samples at (2i+1) size / 2n - 1/2. OpenCV limits the positions of columns to the line. Of rows it limits the neighbours, which are
// then equal.
func (b *builder) lines(size, n value, rows bool) taps {
	twice := b.op("Mul", n, b.ints(2))
	ours := b.op("Add", b.op("Mul", b.upTo(n), b.ints(2)), b.ints(1))
	position := b.op("Sub", b.op("Mul", ours, size), n) // at least -n, so that the quotient of this and 2n is 0 and more
	ahead := b.op("Add", position, twice)
	low := b.op("Sub", b.op("Div", ahead, twice), b.ints(1))
	centre := b.op("Div", b.cast(position, float32Type), b.cast(twice, float32Type)) // rounded to float32, as OpenCV's
	weight := b.op("Sub", centre, b.cast(low, float32Type))
	t := b.between(low, weight, size)
	if rows {
		above := b.op("Max", b.op("Add", low, b.ints(1)), b.ints(0))
		t.weight, t.high = weight, b.op("Min", above, b.op("Sub", size, b.ints(1)))
	}
	return t
}

// openCV is OpenCV's resize of bytes with INTER_LINEAR: weights are multiples of 1/2048, sums are integers.
func (b *builder) openCV(x value, from, to sides) value {
	const whole = 2048
	sum := func(x value, t taps, axis int, each func(weighted value) value) value {
		weight := b.cast(b.op("Round", b.op("Mul", t.weight, b.float(whole))), int32Type)
		rest := b.op("Sub", b.int32(whole), weight)
		if axis == 2 {
			weight, rest = b.op("Unsqueeze", weight, b.ints(1)), b.op("Unsqueeze", rest, b.ints(1))
		}
		part := func(at, weight value) value {
			return each(b.op("Mul", b.with("Gather", attributes{"axis": axis}, x, at), weight))
		}
		return b.op("Add", part(t.low, rest), part(t.high, weight))
	}
	same := func(v value) value { return v }
	x = sum(b.cast(x, int32Type), b.lines(from.w, to.w, false), 3, same)
	x = sum(b.op("Div", x, b.int32(16)), b.lines(from.h, to.h, true), 2, func(v value) value { return b.op("Div", v, b.int32(1<<16)) })
	return b.cast(b.op("Div", b.op("Add", x, b.int32(2)), b.int32(4)), float32Type)
}

func (b *builder) int32(v int) value { return b.constant(int32Type, []int{1}, []float64{float64(v)}) }

// scaled is raster.FillScaled: OpenCV's resize of float32 values by a factor.
func (b *builder) scaled(x value, from, to sides, factor value) value {
	at := func(size, n value) taps {
		middle := b.op("Add", b.cast(b.upTo(n), float64Type), b.double(0.5))
		centre := b.cast(b.op("Sub", b.op("Div", middle, factor), b.double(0.5)), float32Type)
		low := b.op("Floor", centre)
		return b.between(b.cast(low, int64Type), b.op("Sub", centre, low), size)
	}
	mix := func(x value, t taps, axis int) value {
		weight, rest := t.weight, b.op("Sub", b.float(1), t.weight)
		if axis == 2 {
			weight, rest = b.op("Unsqueeze", weight, b.ints(1)), b.op("Unsqueeze", rest, b.ints(1))
		}
		part := func(at, weight value) value {
			return b.op("Mul", b.with("Gather", attributes{"axis": axis}, x, at), weight)
		}
		return b.op("Add", part(t.low, rest), part(t.high, weight))
	}
	return mix(mix(x, at(from.w, to.w), 3), at(from.h, to.h), 2)
}
