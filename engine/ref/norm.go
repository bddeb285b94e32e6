package ref

import (
	"math"

	"scalenet/nn"
)

func norm(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.Moments2D:
		return of(func(in []array) array { return moments(in[0]) }), true
	case nn.BatchNorm2D:
		return of(func(in []array) array { return batchNorm(op, in[0], in[1], in[2], in[3]) }), true
	case nn.BatchNorm2DGradParams:
		return of(func(in []array) array { return batchNormGradParams(op, in[0], in[1], in[2]) }), true
	case nn.BatchNorm2DGradInput:
		return of(func(in []array) array { return batchNormGradInput(op, in) }), true
	case nn.FrozenBatchNorm2D:
		return of(func(in []array) array { return frozenNorm(op, in[0], in[1:]) }), true
	case nn.FrozenBatchNorm2DGrad:
		return of(func(in []array) array { return frozenNormGrad(op.Eps, in[0], in[1], in[2]) }), true
	}
	return operation{}, false
}

// inverse is one over the standard deviation.
func inverse(variance, eps float64) float64 { return 1 / math.Sqrt(variance+eps) }

// moments is x (..., C) -> (2, C): mean and biased variance, in two passes.
func moments(x array) array {
	m := zeros(2, x.channels())
	mean, variance := m.row(0), m.row(1)
	count := float64(x.rows())
	for i := range x.rows() {
		for c, v := range x.row(i) {
			mean[c] += v / count
		}
	}
	for i := range x.rows() {
		for c, v := range x.row(i) {
			variance[c] += (v - mean[c]) * (v - mean[c]) / count
		}
	}
	return m
}

func batchNorm(b nn.BatchNorm2D, x, weight, bias, m array) array {
	y := zerosLike(x)
	mean, variance := m.row(0), m.row(1)
	for i := range x.rows() {
		for c, v := range x.row(i) {
			y.row(i)[c] = (v-mean[c])*inverse(variance[c], b.Eps)*weight.data[c] + bias.data[c]
		}
	}
	return y
}

// batchNormGradParams is (x, moments, dy) -> (2, C): of weight, of bias.
func batchNormGradParams(b nn.BatchNorm2DGradParams, x, m, dy array) array {
	g := zeros(2, x.channels())
	mean, variance := m.row(0), m.row(1)
	for i := range x.rows() {
		for c, d := range dy.row(i) {
			g.row(0)[c] += d * (x.row(i)[c] - mean[c]) * inverse(variance[c], b.Eps)
			g.row(1)[c] += d
		}
	}
	return g
}

// batchNormGradInput is (x, weight, moments, dy, dparams (2, C)) -> dx. Mean and
// variance depend on x, which takes the parts of dy along 1 and along the
// normalised x out:
//
//	dx = weight / sigma * (dy - dbias / n - xhat * dweight / n)
func batchNormGradInput(b nn.BatchNorm2DGradInput, in []array) array {
	x, weight, m, dy, params := in[0], in[1], in[2], in[3], in[4]
	dx := zerosLike(x)
	mean, variance := m.row(0), m.row(1)
	dweight, dbias := params.row(0), params.row(1)
	n := float64(x.rows())
	for i := range x.rows() {
		for c, d := range dy.row(i) {
			inv := inverse(variance[c], b.Eps)
			xhat := (x.row(i)[c] - mean[c]) * inv
			dx.row(i)[c] = weight.data[c] * inv * (d - dbias[c]/n - xhat*dweight[c]/n)
		}
	}
	return dx
}

// frozenNorm takes weight, bias, mean and variance (C) as params.
func frozenNorm(b nn.FrozenBatchNorm2D, x array, params []array) array {
	weight, bias, mean, variance := params[0].data, params[1].data, params[2].data, params[3].data
	y := zerosLike(x)
	for i := range x.rows() {
		for c, v := range x.row(i) {
			scale := weight[c] * inverse(variance[c], b.Eps)
			y.row(i)[c] = v * scale
			if !b.ScaleOnly {
				y.row(i)[c] = (v-mean[c])*scale + bias[c]
			}
		}
	}
	return y
}

func frozenNormGrad(eps float64, dy, weight, variance array) array {
	dx := zerosLike(dy)
	for i := range dy.rows() {
		for c, d := range dy.row(i) {
			dx.row(i)[c] = d * weight.data[c] * inverse(variance.data[c], eps)
		}
	}
	return dx
}
