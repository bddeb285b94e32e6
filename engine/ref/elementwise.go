package ref

import (
	"math"

	"scalenet/nn"
)

func elementwise(op nn.Op) (operation, bool) {
	switch op.(type) {
	case nn.ReLU:
		return of(1, func(in []array) array { return relu(in[0]) }), true
	case nn.ReLUGrad:
		return of(2, func(in []array) array { return reluGrad(in[0], in[1]) }), true
	case nn.Add:
		return of(2, func(in []array) array { return add(in[0], in[1]) }), true
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

func add(a, b array) array {
	y := zerosLike(a)
	for i, v := range a.data {
		y.data[i] = v + b.data[i]
	}
	return y
}
