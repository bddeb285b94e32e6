package ref

import (
	"iter"

	"scalenet/nn"
)

func convolution(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.Conv2D:
		return operation{run: func(in []array) array { return conv(op, in...) }}, true
	case nn.Conv2DGradInput:
		return of(func(in []array) array { return convGradInput(op, in[0], in[1]) }), true
	case nn.Conv2DGradWeight:
		return of(func(in []array) array { return convGradWeight(op, in[0], in[1]) }), true
	case nn.BiasGrad:
		return of(func(in []array) array { return biasGrad(in[0]) }), true
	}
	return operation{}, false
}

// conv is x (N, H, W, Cin), weight (Cout, Cin/groups, KH, KW), [bias (Cout)].
func conv(c nn.Conv2D, in ...array) array {
	x, w := in[0], in[1]
	y := zeros(x.shape[0], c.OutSide(x.shape[1], w.shape[2]), c.OutSide(x.shape[2], w.shape[3]), w.shape[0])
	for p := range products(c, x, w, y) {
		sum, weights := 0.0, w.data[p.w:]
		for i, v := range x.data[p.x : p.x+p.count] {
			sum += v * weights[i*p.step]
		}
		y.data[p.y] += sum
	}
	if len(in) == 3 {
		for i := range y.rows() {
			for ch, b := range in[2].data {
				y.row(i)[ch] += b
			}
		}
	}
	return y
}

func convGradInput(c nn.Conv2DGradInput, dy, w array) array {
	dx := zeros(dy.shape[0], c.Height, c.Width, w.shape[1]*c.Conv2D.Groups)
	for p := range products(c.Conv2D, dx, w, dy) {
		sums, g, weights := dx.data[p.x:p.x+p.count], dy.data[p.y], w.data[p.w:]
		for i := range sums {
			sums[i] += g * weights[i*p.step]
		}
	}
	return dx
}

func convGradWeight(c nn.Conv2DGradWeight, x, dy array) array {
	dw := zeros(dy.shape[3], x.shape[3]/c.Conv2D.Groups, c.Kernel, c.Kernel)
	for p := range products(c.Conv2D, x, dw, dy) {
		g, sums := dy.data[p.y], dw.data[p.w:]
		for i, v := range x.data[p.x : p.x+p.count] {
			sums[i*p.step] += v * g
		}
	}
	return dw
}

// term is a part of a convolution: an output pixel's channel, a tap of the
// kernel, all channels of the group,
//
//	y[y] += x[x+i] * w[w+i*step] for i below count
//
// The gradients are sums over the same products, which are linear in each factor.
type term struct{ x, w, y, count, step int }

// products are all products of a convolution of x (N, H, W, Cin) by
// w (Cout, Cin/groups, KH, KW) to y (N, Hout, Wout, Cout).
func products(c nn.Conv2D, x, w, y array) iter.Seq[term] {
	ins, outs := w.shape[1], w.shape[0]/c.Groups // channels of a group
	kh, kw := w.shape[2], w.shape[3]
	return func(yield func(term) bool) {
		for at := range positions(y) {
			for tap := range kh * kw {
				row := at.h*c.Stride - c.Pad + tap/kw*c.Dilation
				col := at.w*c.Stride - c.Pad + tap%kw*c.Dilation
				if row < 0 || row >= x.shape[1] || col < 0 || col >= x.shape[2] {
					continue
				}
				pixel := ((at.n*x.shape[1]+row)*x.shape[2] + col) * x.shape[3]
				for out := range w.shape[0] {
					group := out / outs
					if !yield(term{pixel + group*ins, out*ins*kh*kw + tap, at.i*y.shape[3] + out, ins, kh * kw}) {
						return
					}
				}
			}
		}
	}
}

// position is a pixel of an (N, H, W, C) array; i counts them.
type position struct{ i, n, h, w int }

// positions goes over the pixels of an (N, H, W, C) array in order.
func positions(a array) iter.Seq[position] {
	return func(yield func(position) bool) {
		i := 0
		for n := range a.shape[0] {
			for h := range a.shape[1] {
				for w := range a.shape[2] {
					if !yield(position{i, n, h, w}) {
						return
					}
					i++
				}
			}
		}
	}
}

// biasGrad sums all but the last dimension.
func biasGrad(dy array) array {
	db := zeros(dy.channels())
	for i := range dy.rows() {
		for ch, v := range dy.row(i) {
			db.data[ch] += v
		}
	}
	return db
}
