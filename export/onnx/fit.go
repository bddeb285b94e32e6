package onnx

import "scalenet/imaging"

// sides are a width and a height, each a list of one integer.
type sides struct{ w, h value }

// each applies f to both.
func (s sides) each(f func(value) value) sides { return sides{f(s.w), f(s.h)} }

// pair is the list (width, height).
func (b *builder) pair(s sides) value { return b.concat(0, s.w, s.h) }

// fit is imaging.Fitting: the size of the network's input without padding for an image of a size, and the factor of [imaging.Fitting.Scale]. It is
// computed in float64, as there; FitFloor in integers.
func (b *builder) fit(rule imaging.Fitting, image sides, shorter, longest int) (resized sides, factor value) {
	s := image.each(func(v value) value { return b.cast(v, float64Type) })
	least, most := b.double(float64(shorter)), b.double(float64(longest))
	toShorter, longer := b.op("Div", least, b.op("Min", s.w, s.h)), b.op("Max", s.w, s.h)
	factor = b.op("Min", toShorter, b.op("Div", most, longer))
	times := func(v value) value { return b.op("Mul", v, factor) }
	switch rule {
	case imaging.FitRound:
		s = b.fitRound(s, toShorter, least, most)
	case imaging.FitRoundOnce:
		s = s.each(times).each(b.halfUp)
	case imaging.FitRoundEven:
		fits := b.op("LessOrEqual", b.op("Round", b.op("Mul", toShorter, longer)), most)
		factor = b.op("Where", fits, toShorter, factor)
		s = s.each(times).each(func(v value) value { return b.op("Round", v) })
	default:
		return b.fitFloor(image, shorter, longest), factor
	}
	return s.each(func(v value) value { return b.op("Max", b.cast(v, int64Type), b.ints(1)) }), factor
}

// fitRound has the order of operations of imaging's function of this name.
func (b *builder) fitRound(s sides, toShorter, least, most value) sides {
	tall := b.op("GreaterOrEqual", s.h, s.w)
	scaled := sides{
		b.op("Where", tall, least, b.op("Mul", toShorter, s.w)),
		b.op("Where", tall, b.op("Mul", toShorter, s.h), least),
	}
	longer := b.op("Max", scaled.w, scaled.h)
	down := b.op("Where", b.op("Greater", longer, most), b.op("Div", most, longer), b.double(1))
	return scaled.each(func(v value) value { return b.halfUp(b.op("Mul", v, down)) })
}

// halfUp adds a half, so that the conversion to an integer rounds.
func (b *builder) halfUp(v value) value { return b.op("Add", v, b.double(0.5)) }

// fitFloor is imaging.Fit. Where a side times the factor is an integer, imaging rounds down either that or, because the factor is rounded to float64, the
// number just below it. OpenVINO has no float64, so both are told apart by integers. They stay below 2^31 for sides of up to 8192.
//
// Let the factor be s/d, and x a side with x*s = k*d. In float64 the factor is (s - t/2^p)/d if t, the rest of s*2^p by d, is below d/2, where 2^p s/d has
// 53 bits. The product is then k - x*t/(d*2^p), which is rounded to k if the difference is at most half the distance to the float64 below k.
func (b *builder) fitFloor(image sides, shorter, longest int) sides {
	x := b.pair(image)
	least, most := b.op("Min", image.w, image.h), b.op("Max", image.w, image.h)
	byLeast := b.op("LessOrEqual", b.op("Mul", most, b.ints(shorter)), b.op("Mul", least, b.ints(longest)))
	s, d := b.op("Where", byLeast, b.ints(shorter), b.ints(longest)), b.op("Where", byLeast, least, most)
	product := b.op("Mul", x, s)
	k := b.op("Div", product, d)
	whole := b.op("Equal", b.op("Mod", product, d), b.ints(0))

	exponent := b.exponent(s, d) // of s/d
	t := b.op("Mod", s, d)
	for range 3 { // 2^39
		t = b.op("Mod", b.op("Mul", t, b.ints(1<<13)), d)
	}
	further := b.op("Gather", b.ints(powers(27)...), b.op("Sub", b.ints(13), exponent)) // 2^(52-39-exponent)
	t = b.op("Mod", b.op("Mul", t, b.op("Mod", further, d)), d)
	low := b.op("And", b.op("Greater", t, b.ints(0)), b.op("Less", b.op("Mul", t, b.ints(2)), d))

	own := b.exponent(k, b.ints(1))
	power := b.op("Equal", k, b.op("Gather", b.ints(powers(27)...), own)) // below a power of 2, numbers are twice as close
	margin := b.op("Mul", d, b.op("Gather", b.ints(powers(27)...), b.op("Add", b.op("Sub", own, exponent), b.ints(1))))
	off := b.op("Mul", b.op("Mul", x, t), b.op("Where", power, b.ints(8), b.ints(4)))
	below := b.op("And", b.op("And", whole, low), b.op("Greater", off, margin))
	k = b.op("Max", b.op("Sub", k, b.cast(below, int64Type)), b.ints(1))
	return sides{b.slice(k, 0, 0, 1), b.slice(k, 0, 1, 2)}
}

// powers are the first n powers of 2.
func powers(n int) (list []int) {
	for i := range n {
		list = append(list, 1<<i)
	}
	return list
}

// exponent is the largest e from -13 to 13 for which 2^e is at most s/d, for each number of the list s.
func (b *builder) exponent(s, d value) value {
	var up, down []int
	for e := -13; e <= 13; e++ {
		up, down = append(up, 1<<max(-e, 0)), append(down, 1<<max(e, 0))
	}
	reached := b.op("GreaterOrEqual", b.op("Mul", b.op("Unsqueeze", s, b.ints(1)), b.ints(up...)), b.op("Mul", d, b.ints(down...)))
	return b.op("Sub", b.with("ReduceSum", attributes{"keepdims": 0}, b.cast(reached, int64Type), b.ints(1)), b.ints(14))
}
