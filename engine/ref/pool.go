package ref

import (
	"iter"

	"scalenet/nn"
)

func pool(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.MaxPool2D:
		return of(func(in []array) array { return maxPool(op, in[0]) }), true
	case nn.MaxPool2DGrad:
		return of(func(in []array) array { return maxPoolGrad(op.MaxPool2D, in[0], in[1]) }), true
	case nn.AvgPool2D:
		return of(func(in []array) array { return avgPool(op, in[0]) }), true
	case nn.AvgPool2DGrad:
		return of(func(in []array) array { return avgPoolGrad(op, in[0]) }), true
	case nn.GlobalAvgPool2D:
		return of(func(in []array) array { return globalAvgPool(in[0]) }), true
	case nn.GlobalAvgPool2DGrad:
		return of(func(in []array) array { return globalAvgPoolGrad(op, in[0]) }), true
	}
	return operation{}, false
}

// window goes over the rows and columns of x under the window of an output
// position, leaving out the padding.
func window(x array, at position, kernel, stride, pad int) iter.Seq2[int, int] {
	top, left := at.h*stride-pad, at.w*stride-pad
	return func(yield func(h, w int) bool) {
		for h := max(top, 0); h < min(top+kernel, x.shape[1]); h++ {
			for w := max(left, 0); w < min(left+kernel, x.shape[2]); w++ {
				if !yield(h, w) {
					return
				}
			}
		}
	}
}

func maxPool(p nn.MaxPool2D, x array) array {
	y := zeros(x.shape[0], p.OutSide(x.shape[1]), p.OutSide(x.shape[2]), x.shape[3])
	for at := range positions(y) {
		for c := range x.shape[3] {
			h, w := largest(p, x, at, c)
			y.row(at.i)[c] = x.pixel(at.n, h, w)[c]
		}
	}
	return y
}

func maxPoolGrad(p nn.MaxPool2D, x, dy array) array {
	dx := zerosLike(x)
	for at := range positions(dy) {
		for c, d := range dy.row(at.i) {
			h, w := largest(p, x, at, c)
			dx.pixel(at.n, h, w)[c] += d
		}
	}
	return dx
}

// largest is where the window's largest value of channel c is: the first of
// equal ones, the last NaN if there is any (as in PyTorch). Padding is at most
// half the kernel, so no window is empty.
func largest(p nn.MaxPool2D, x array, at position, c int) (row, col int) {
	found := false
	best := 0.0
	for h, w := range window(x, at, p.Kernel, p.Stride, p.Pad) {
		if v := x.pixel(at.n, h, w)[c]; !found || v > best || v != v {
			found, best, row, col = true, v, h, w
		}
	}
	return row, col
}

func avgPool(p nn.AvgPool2D, x array) array {
	y := zeros(x.shape[0], p.OutSide(x.shape[1]), p.OutSide(x.shape[2]), x.shape[3])
	for at := range positions(y) {
		for h, w := range window(x, at, p.Kernel, p.Stride, p.Pad) {
			for c, v := range x.pixel(at.n, h, w) {
				y.row(at.i)[c] += v / float64(p.Kernel*p.Kernel)
			}
		}
	}
	return y
}

func avgPoolGrad(g nn.AvgPool2DGrad, dy array) array {
	p, dx := g.AvgPool2D, zeros(dy.shape[0], g.Height, g.Width, dy.shape[3])
	for at := range positions(dy) {
		for h, w := range window(dx, at, p.Kernel, p.Stride, p.Pad) {
			for c, d := range dy.row(at.i) {
				dx.pixel(at.n, h, w)[c] += d / float64(p.Kernel*p.Kernel)
			}
		}
	}
	return dx
}

func globalAvgPool(x array) array {
	y := zeros(x.shape[0], x.shape[3])
	for at := range positions(x) {
		for c, v := range x.row(at.i) {
			y.row(at.n)[c] += v / float64(x.shape[1]*x.shape[2])
		}
	}
	return y
}

func globalAvgPoolGrad(p nn.GlobalAvgPool2DGrad, dy array) array {
	dx := zeros(dy.shape[0], p.Height, p.Width, dy.shape[1])
	for at := range positions(dx) {
		for c, d := range dy.row(at.n) {
			dx.row(at.i)[c] = d / float64(p.Height*p.Width)
		}
	}
	return dx
}
