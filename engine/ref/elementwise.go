package ref

import (
	"math"

	"scalenet/nn"
)

func elementwise(op nn.Op) (operation, bool) {
	switch op.(type) {
	case nn.ReLU:
		return of(func(in []array) array { return relu(in[0]) }), true
	case nn.ReLUGrad:
		return of(func(in []array) array { return reluGrad(in[0], in[1]) }), true
	case nn.GELU:
		return of(func(in []array) array { return gelu(in[0]) }), true
	case nn.GELUGrad:
		return of(func(in []array) array { return geluGrad(in[0], in[1]) }), true
	case nn.HardSwish:
		return of(func(in []array) array { return hardSwish(in[0]) }), true
	case nn.HardSwishGrad:
		return of(func(in []array) array { return hardSwishGrad(in[0], in[1]) }), true
	case nn.HardSigmoid:
		return of(func(in []array) array { return hardSigmoid(in[0]) }), true
	case nn.HardSigmoidGrad:
		return of(func(in []array) array { return hardSigmoidGrad(in[0], in[1]) }), true
	case nn.Sigmoid:
		return of(func(in []array) array { return sigmoid(in[0]) }), true
	case nn.SigmoidGrad:
		return of(func(in []array) array { return sigmoidGrad(in[0], in[1]) }), true
	case nn.ScaleChannels:
		return of(func(in []array) array { return scaleChannels(in[0], in[1]) }), true
	case nn.ScaleChannelsGrad:
		return of(func(in []array) array { return scaleChannelsGrad(in[0], in[1]) }), true
	case nn.Add:
		return of(func(in []array) array { return add(in[0], in[1]) }), true
	}
	return operation{}, false
}

// relu keeps a NaN.
func relu(x array) array {
	y := zerosLike(x)
	for i, v := range x.data {
		y.data[i] = math.Max(v, 0)
	}
	return y
}

func reluGrad(y, dy array) array {
	dx := zerosLike(dy)
	for i, v := range y.data {
		if v > 0 {
			dx.data[i] = dy.data[i]
		}
	}
	return dx
}

func gelu(x array) array {
	y := zerosLike(x)
	for i, v := range x.data {
		y.data[i] = v * normalCDF(v)
	}
	return y
}

func geluGrad(x, dy array) array {
	dx := zerosLike(dy)
	for i, v := range x.data {
		density := math.Exp(-v*v/2) / math.Sqrt(2*math.Pi)
		dx.data[i] = dy.data[i] * (normalCDF(v) + v*density)
	}
	return dx
}

// normalCDF is the standard normal distribution.
func normalCDF(v float64) float64 { return 0.5 * (1 + math.Erf(v/math.Sqrt2)) }

func hardSwish(x array) array {
	y := zerosLike(x)
	for i, v := range x.data {
		y.data[i] = v * relu6(v+3) / 6
	}
	return y
}

func hardSwishGrad(x, dy array) array {
	dx := zerosLike(dy)
	for i, v := range x.data {
		switch {
		case v <= -3:
		case v < 3:
			dx.data[i] = dy.data[i] * (v/3 + 0.5)
		default:
			dx.data[i] = dy.data[i]
		}
	}
	return dx
}

func hardSigmoid(x array) array {
	y := zerosLike(x)
	for i, v := range x.data {
		y.data[i] = relu6(v+3) / 6
	}
	return y
}

func hardSigmoidGrad(x, dy array) array {
	dx := zerosLike(dy)
	for i, v := range x.data {
		if v > -3 && v < 3 {
			dx.data[i] = dy.data[i] / 6
		}
	}
	return dx
}

// relu6 keeps a NaN.
func relu6(v float64) float64 { return math.Min(math.Max(v, 0), 6) }

func add(a, b array) array {
	y := zerosLike(a)
	for i, v := range a.data {
		y.data[i] = v + b.data[i]
	}
	return y
}

func sigmoid(x array) array {
	y := zerosLike(x)
	for i, v := range x.data {
		y.data[i] = 1 / (1 + math.Exp(-v))
	}
	return y
}

func sigmoidGrad(y, dy array) array {
	dx := zerosLike(dy)
	for i, v := range y.data {
		dx.data[i] = dy.data[i] * v * (1 - v)
	}
	return dx
}

// scaleChannels takes scale (N, 1, 1, C).
func scaleChannels(x, scale array) array {
	y := zerosLike(x)
	for at := range positions(x) {
		for c, v := range x.row(at.i) {
			y.row(at.i)[c] = v * scale.row(at.n)[c]
		}
	}
	return y
}

func scaleChannelsGrad(x, dy array) array {
	g := zeros(x.shape[0], 1, 1, x.shape[3])
	for at := range positions(x) {
		for c, v := range x.row(at.i) {
			g.row(at.n)[c] += v * dy.row(at.i)[c]
		}
	}
	return g
}
