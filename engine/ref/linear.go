package ref

import "scalenet/nn"

func linear(op nn.Op) (operation, bool) {
	switch op.(type) {
	case nn.Linear:
		return operation{run: func(in []array) array { return linearForward(in...) }}, true
	case nn.LinearGradInput:
		return of(func(in []array) array { return linearGradInput(in[0], in[1]) }), true
	case nn.LinearGradWeight:
		return of(func(in []array) array { return linearGradWeight(in[0], in[1]) }), true
	}
	return operation{}, false
}

// linearForward is x (N, I), weight (O, I), [bias (O)] -> (N, O).
func linearForward(in ...array) array {
	x, w := in[0], in[1]
	y := zeros(x.shape[0], w.shape[0])
	for n := range x.shape[0] {
		for o := range w.shape[0] {
			sum := 0.0
			for i, v := range x.row(n) {
				sum += v * w.row(o)[i]
			}
			if len(in) == 3 {
				sum += in[2].data[o]
			}
			y.row(n)[o] = sum
		}
	}
	return y
}

// linearGradInput is dy (N, O), weight (O, I) -> dx (N, I).
func linearGradInput(dy, w array) array {
	dx := zeros(dy.shape[0], w.shape[1])
	for n := range dy.shape[0] {
		for o, d := range dy.row(n) {
			for i, v := range w.row(o) {
				dx.row(n)[i] += d * v
			}
		}
	}
	return dx
}

// linearGradWeight is x (N, I), dy (N, O) -> dw (O, I).
func linearGradWeight(x, dy array) array {
	dw := zeros(dy.shape[1], x.shape[1])
	for n := range dy.shape[0] {
		for o, d := range dy.row(n) {
			for i, v := range x.row(n) {
				dw.row(o)[i] += d * v
			}
		}
	}
	return dw
}
