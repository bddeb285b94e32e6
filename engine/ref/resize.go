package ref

import (
	"math"

	"scalenet/nn"
)

func resize(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.Resize2D:
		return of(func(in []array) array { return resizeForward(op, in[0]) }), true
	case nn.Resize2DGrad:
		return of(func(in []array) array { return resizeGrad(op, in[0]) }), true
	}
	return operation{}, false
}

// source is a pixel's share in a value between pixels.
type source struct {
	at     int
	weight float64
}

// sources says which pixels of a side of length in make up pixel i of a side
// of length out.
func sources(mode nn.ResizeMode, i, in, out int) []source {
	if mode == nn.Nearest {
		return []source{{i * in / out, 1}}
	}
	at := max((float64(i)+0.5)*float64(in)/float64(out)-0.5, 0)
	low := min(int(math.Floor(at)), in-1)
	high := min(low+1, in-1)
	return []source{{low, 1 - (at - float64(low))}, {high, at - float64(low)}}
}

func resizeForward(r nn.Resize2D, x array) array {
	y := zeros(x.shape[0], r.Height, r.Width, x.shape[3])
	for at := range positions(y) {
		for _, row := range sources(r.Mode, at.h, x.shape[1], r.Height) {
			for _, col := range sources(r.Mode, at.w, x.shape[2], r.Width) {
				for c, v := range x.pixel(at.n, row.at, col.at) {
					y.row(at.i)[c] += row.weight * col.weight * v
				}
			}
		}
	}
	return y
}

func resizeGrad(r nn.Resize2DGrad, dy array) array {
	dx := zeros(dy.shape[0], r.Height, r.Width, dy.shape[3])
	for at := range positions(dy) {
		for _, row := range sources(r.Mode, at.h, r.Height, dy.shape[1]) {
			for _, col := range sources(r.Mode, at.w, r.Width, dy.shape[2]) {
				for c, d := range dy.row(at.i) {
					dx.pixel(at.n, row.at, col.at)[c] += row.weight * col.weight * d
				}
			}
		}
	}
	return dx
}
