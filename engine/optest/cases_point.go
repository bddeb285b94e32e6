package optest

import (
	"fmt"
	"slices"

	"scalenet/nn"
)

func norms() (cases []Case) {
	const eps = 1e-5
	shapes := []nn.Shape{{2, 5, 4, 17}, {1, 1, 2, 3}, {4, 1, 1, 9}, {1, 9, 7, 55}, {3, 2, 2, 195}, {2, 6, 6, 32}, {2, 3, 3, 1}}
	for _, x := range shapes {
		c, name := x[3], side(x)
		moments := Input{Shape: nn.Shape{2, c}, Fill: Fill{Kind: Uniform, Low: 0.3, High: 1.2}}
		params := []Input{weight(c), weight(c), weight(c), positive(c)}
		frozen := append([]Input{feature(x...)}, params...)
		cases = append(cases,
			Case{Name: "Moments2D/" + name, Op: nn.Moments2D{}, In: []Input{feature(x...)}, Tolerance: Summed, Rows: true},
			Case{Name: "BatchNorm2D/" + name, Op: nn.BatchNorm2D{Eps: eps}, Tolerance: Summed,
				In: []Input{feature(x...), weight(c), weight(c), moments}},
			Case{Name: "BatchNorm2DGradParams/" + name, Op: nn.BatchNorm2DGradParams{Eps: eps}, Tolerance: Summed,
				In: []Input{feature(x...), moments, feature(x...)}},
			Case{Name: "BatchNorm2DGradInput/" + name, Op: nn.BatchNorm2DGradInput{Eps: eps}, Tolerance: Summed,
				In: []Input{feature(x...), weight(c), moments, feature(x...), feature(2, c)}},
			Case{Name: "FrozenBatchNorm2D/" + name, Op: nn.FrozenBatchNorm2D{Eps: eps}, In: frozen, Tolerance: Summed},
			Case{Name: "FrozenBatchNorm2D/scale/" + name, Op: nn.FrozenBatchNorm2D{Eps: eps, ScaleOnly: true}, In: frozen, Tolerance: Summed},
			Case{Name: "FrozenBatchNorm2DGrad/" + name, Op: nn.FrozenBatchNorm2DGrad{Eps: eps}, Tolerance: Summed,
				In: []Input{feature(x...), weight(c), positive(c)}},
		)
	}
	// A mean far from zero takes a sum of squares apart.
	far := filled(Fill{Kind: Uniform, Low: 50, High: 51}, 2, 8, 7, 5)
	return append(cases, Case{Name: "Moments2D/far/2x8x7x5", Op: nn.Moments2D{}, In: []Input{far}, Tolerance: Summed, Rows: true})
}

func elementwise() (cases []Case) {
	for _, x := range []nn.Shape{{1}, {7}, {3, 5}, {1, 1, 1, 1}, {2, 5, 3, 17}, {1, 4, 4, 64}, {2, 3, 3, 195}} {
		gap := filled(Fill{Kind: Gap}, x...)
		cases = append(cases,
			Case{Name: "ReLU/" + side(x), Op: nn.ReLU{}, In: []Input{gap}, Tolerance: Exact},
			Case{Name: "ReLUGrad/" + side(x), Op: nn.ReLUGrad{}, In: []Input{filled(Fill{Kind: Levels}, x...), feature(x...)}, Tolerance: Exact},
			Case{Name: "Add/" + side(x), Op: nn.Add{}, In: []Input{feature(x...), feature(x...)}, Tolerance: Rounded},
		)
	}
	return slices.Concat(cases, gelus(), hards(), excitations())
}

func gelus() (cases []Case) {
	add := func(name string, x Input) {
		cases = append(cases,
			Case{Name: "GELU/" + name, Op: nn.GELU{}, In: []Input{x}, Tolerance: Rounded},
			Case{Name: "GELUGrad/" + name, Op: nn.GELUGrad{}, In: []Input{x, feature(x.Shape...)}, Tolerance: Rounded},
		)
	}
	// Each case has positive values, which set the scale: what is left of those far below zero has few digits.
	for _, x := range []nn.Shape{{7}, {3, 5}, {1, 1, 1, 9}, {2, 5, 3, 17}, {1, 4, 4, 64}, {2, 3, 3, 195}} {
		add(side(x), filled(Fill{Kind: Uniform, Low: -4, High: 4}, x...))
	}
	add("low", filled(Fill{Kind: Given, Values: []float64{-6e4, -100, -13, -6, 0, 1}}, 6))
	add("high", filled(Fill{Kind: Given, Values: []float64{6, 13, 100, 6e4}}, 4))
	return cases
}

// hards are HardSwish, HardSigmoid and their gradients. The values of those that have a derivative keep off the kinks at -3 and 3.
func hards() (cases []Case) {
	add := func(name string, kinks bool, values ...float64) {
		x := filled(Fill{Kind: Given, Values: values}, len(values))
		for _, op := range []struct {
			name          string
			forward, grad nn.Op
		}{{"HardSwish", nn.HardSwish{}, nn.HardSwishGrad{}}, {"HardSigmoid", nn.HardSigmoid{}, nn.HardSigmoidGrad{}}} {
			if !kinks {
				cases = append(cases, Case{Name: op.name + "/" + name, Op: op.forward, In: []Input{x}, Tolerance: Rounded})
			}
			cases = append(cases, Case{Name: op.name + "Grad/" + name, Op: op.grad, In: []Input{x, feature(len(values))}, Tolerance: Rounded})
		}
	}
	for _, n := range []int{1, 7, 64, 510, 1755} {
		values := make([]float64, n)
		for i := range values {
			values[i] = (float64((i+71)*37%97) - 47.5) / 8 // from -6 to 6, exact in 16 bits
		}
		add(fmt.Sprint(n), false, values...)
	}
	add("low", false, -6e4, -100, -3.25, -2.75, 0, 1)
	add("high", false, 2.75, 3.25, 100, 6e4)
	add("kinks", true, -3, 3, -3.25, 3.25, -2.75, 2.75)
	return cases
}

// excitations are sigmoids and what scales channels by them.
func excitations() (cases []Case) {
	for _, x := range []nn.Shape{{1}, {3, 5}, {2, 1, 1, 17}, {1, 1, 1, 256}, {2, 3, 3, 195}} {
		cases = append(cases,
			Case{Name: "Sigmoid/" + side(x), Op: nn.Sigmoid{}, In: []Input{filled(Fill{Kind: Uniform, Low: -8, High: 8}, x...)}, Tolerance: Rounded},
			Case{Name: "SigmoidGrad/" + side(x), Op: nn.SigmoidGrad{}, Tolerance: Rounded,
				In: []Input{filled(Fill{Kind: Uniform, Low: 0, High: 1}, x...), feature(x...)}},
		)
	}
	extreme := filled(Fill{Kind: Given, Values: []float64{-1e4, -100, 0, 100, 1e4}}, 5)
	cases = append(cases, Case{Name: "Sigmoid/extreme", Op: nn.Sigmoid{}, In: []Input{extreme}, Tolerance: Rounded})
	for _, x := range []nn.Shape{{1, 1, 1, 1}, {2, 5, 3, 17}, {3, 1, 2, 64}, {1, 14, 9, 195}} {
		scale := feature(x[0], 1, 1, x[3])
		cases = append(cases,
			Case{Name: "ScaleChannels/" + side(x), Op: nn.ScaleChannels{}, In: []Input{feature(x...), scale}, Tolerance: Rounded},
			Case{Name: "ScaleChannelsGrad/" + side(x), Op: nn.ScaleChannelsGrad{}, In: []Input{feature(x...), feature(x...)}, Tolerance: Summed},
		)
	}
	return cases
}

func moves() (cases []Case) {
	add := func(name string, op nn.Op, in ...Input) {
		cases = append(cases, Case{Name: name, Op: op, In: in, Tolerance: Exact})
	}
	add("Concat/channels/3+5+1", nn.Concat{Axis: 3}, feature(2, 4, 3, 3), feature(2, 4, 3, 5), feature(2, 4, 3, 1))
	add("Concat/channels/one", nn.Concat{Axis: 3}, feature(1, 2, 2, 9))
	add("Concat/channels/64+55+62+195", nn.Concat{Axis: 3}, feature(1, 3, 2, 64), feature(1, 3, 2, 55), feature(1, 3, 2, 62), feature(1, 3, 2, 195))
	add("Concat/images", nn.Concat{Axis: 0}, feature(1, 2, 3, 5), feature(3, 2, 3, 5))
	add("Concat/rows", nn.Concat{Axis: 1}, feature(2, 1, 3, 5), feature(2, 4, 3, 5))
	add("Concat/matrix-rows", nn.Concat{Axis: 0}, feature(3, 4), feature(1, 4), feature(5, 4))
	add("Concat/matrix-columns", nn.Concat{Axis: 1}, feature(3, 4), feature(3, 1))
	add("Concat/vectors", nn.Concat{Axis: 0}, feature(3), feature(1), feature(8))
	for _, a := range []struct{ axis, from, to int }{{0, 1, 2}, {1, 0, 4}, {2, 2, 5}, {3, 3, 4}, {3, 0, 17}, {3, 16, 17}} {
		add(fmt.Sprintf("Slice/axis%d/%d-%d", a.axis, a.from, a.to), nn.Slice{Axis: a.axis, From: a.from, To: a.to}, feature(2, 4, 5, 17))
	}
	add("Slice/weight", nn.Slice{Axis: 1, From: 3, To: 8}, weight(9, 17, 1, 1))
	add("Slice/matrix", nn.Slice{Axis: 0, From: 2, To: 5}, feature(6, 5))
	for axis, total := range []int{4, 6, 3, 9} {
		add(fmt.Sprintf("Embed/axis%d", axis), nn.Embed{Axis: axis, From: total - []int{2, 4, 3, 5}[axis], Total: total}, feature(2, 4, 3, 5))
	}
	add("Embed/weight", nn.Embed{Axis: 1, From: 3, Total: 17}, feature(9, 5, 1, 1))
	add("Embed/inside", nn.Embed{Axis: 3, From: 2, Total: 11}, feature(1, 3, 2, 5))
	add("Reshape/flat", nn.Reshape{To: nn.DimsOf(6, 20)}, feature(2, 3, 4, 5))
	add("Reshape/anchors", nn.Reshape{To: nn.DimsOf(60, 4)}, feature(1, 4, 5, 12))
	add("Row/0", nn.Row{Index: 0}, feature(2, 17))
	add("Row/1", nn.Row{Index: 1}, feature(2, 17))
	return cases
}

func losses() (cases []Case) {
	dloss := filled(Fill{Kind: Given, Values: []float64{0.75}}, 1)
	add := func(name string, op, grad nn.Op, in ...Input) {
		cases = append(cases,
			Case{Name: name, Op: op, In: in, Tolerance: Summed},
			Case{Name: fmt.Sprintf("%T/%s", grad, name)[len("nn."):], Op: grad, In: append(append([]Input{}, in...), dloss), Tolerance: Summed},
		)
	}
	spread := func(low, high float64) Fill { return Fill{Kind: Uniform, Low: low, High: high} }
	ignored := func(n int) Input {
		v := make([]float64, n)
		for i := range v {
			v[i] = -1 - float64(i%2)
		}
		return filled(Fill{Kind: Given, Values: v}, n)
	}
	labels := func(classes, n int) Input { return filled(Fill{Kind: Labels, Classes: classes}, n) }

	softmax, softmaxGrad := nn.SoftmaxCrossEntropy{}, nn.SoftmaxCrossEntropyGrad{}
	add("SoftmaxCrossEntropy/7x5", softmax, softmaxGrad, feature(7, 5), labels(5, 7))
	add("SoftmaxCrossEntropy/33x21", softmax, softmaxGrad, filled(spread(-8, 8), 33, 21), labels(21, 33))
	add("SoftmaxCrossEntropy/64x81", softmax, softmaxGrad, filled(spread(-3, 3), 64, 81), labels(81, 64))
	add("SoftmaxCrossEntropy/1x1", softmax, softmaxGrad, feature(1, 1), filled(Fill{Kind: Given, Values: []float64{0}}, 1))
	add("SoftmaxCrossEntropy/ignored", softmax, softmaxGrad, feature(6, 3), ignored(6))
	add("SoftmaxCrossEntropy/extreme", softmax, softmaxGrad, filled(spread(-1e4, 1e4), 9, 4), labels(4, 9))

	smoothed, smoothedGrad := nn.SoftmaxCrossEntropy{Smoothing: 0.1}, nn.SoftmaxCrossEntropyGrad{Smoothing: 0.1}
	add("SoftmaxCrossEntropy/smoothed/33x21", smoothed, smoothedGrad, filled(spread(-8, 8), 33, 21), labels(21, 33))
	add("SoftmaxCrossEntropy/smoothed/1x1", smoothed, smoothedGrad, feature(1, 1), filled(Fill{Kind: Given, Values: []float64{0}}, 1))
	add("SoftmaxCrossEntropy/smoothed/ignored", smoothed, smoothedGrad, feature(6, 3), ignored(6))

	sigmoid, sigmoidGrad := nn.SigmoidCrossEntropy{}, nn.SigmoidCrossEntropyGrad{}
	add("SigmoidCrossEntropy/50", sigmoid, sigmoidGrad, filled(spread(-5, 5), 50), labels(2, 50))
	add("SigmoidCrossEntropy/1", sigmoid, sigmoidGrad, feature(1), filled(Fill{Kind: Given, Values: []float64{1}}, 1))
	add("SigmoidCrossEntropy/1023", sigmoid, sigmoidGrad, feature(1023), labels(2, 1023))
	add("SigmoidCrossEntropy/ignored", sigmoid, sigmoidGrad, feature(5), ignored(5))
	add("SigmoidCrossEntropy/extreme", sigmoid, sigmoidGrad, filled(spread(-200, 200), 17), labels(2, 17))

	for _, beta := range []float64{1, 1. / 9, 0} {
		add(fmt.Sprintf("SmoothL1/beta%.2g/9x4", beta), nn.SmoothL1{Beta: beta}, nn.SmoothL1Grad{Beta: beta},
			filled(spread(-2, 2), 9, 4), feature(9, 4), filled(spread(0, 1), 9, 4))
	}
	zero := filled(spread(0, 0), 5, 4)
	add("SmoothL1/zero-weights/5x4", nn.SmoothL1{Beta: 1}, nn.SmoothL1Grad{Beta: 1}, feature(5, 4), feature(5, 4), zero)
	add("SmoothL1/equal/5x4", nn.SmoothL1{Beta: 0}, nn.SmoothL1Grad{Beta: 0}, zero, zero, feature(5, 4))
	return cases
}
