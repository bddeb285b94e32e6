package ref

import (
	"fmt"
	"math"

	"scalenet/nn"
)

func loss(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.SoftmaxCrossEntropy:
		return operation{check: checkClasses,
			run: func(in []array) array { return softmaxLoss(op.Smoothing, in[0], in[1]) }}, true
	case nn.SoftmaxCrossEntropyGrad:
		return operation{check: checkClasses,
			run: func(in []array) array { return softmaxLossGrad(op.Smoothing, in[0], in[1], in[2].data[0]) }}, true
	case nn.SigmoidCrossEntropy:
		return operation{check: checkBinary,
			run: func(in []array) array { return sigmoidLoss(in[0], in[1]) }}, true
	case nn.SigmoidCrossEntropyGrad:
		return operation{check: checkBinary,
			run: func(in []array) array { return sigmoidLossGrad(in[0], in[1], in[2].data[0]) }}, true
	case nn.SmoothL1:
		return of(func(in []array) array { return smoothL1(op.Beta, in[0], in[1], in[2]) }), true
	case nn.SmoothL1Grad:
		return of(func(in []array) array { return smoothL1Grad(op.Beta, in) }), true
	}
	return operation{}, false
}

func checkClasses(in []array) error { return checkLabels(in[1], in[0].channels()) }
func checkBinary(in []array) error  { return checkLabels(in[1], 2) }

func checkLabels(labels array, classes int) error {
	for i, l := range labels.data {
		if l >= float64(classes) {
			return fmt.Errorf("label %d is %g, want less than %d", i, l, classes)
		}
	}
	return nil
}

// counted is the number of labels that are not ignored, at least one so that a
// mean over none is zero.
func counted(labels array) float64 {
	n := 0.0
	for _, l := range labels.data {
		if l >= 0 {
			n++
		}
	}
	return max(n, 1)
}

// logSumExp is log(sum(exp(v))) without overflow.
func logSumExp(v []float64) float64 {
	largest := math.Inf(-1)
	for _, x := range v {
		largest = math.Max(largest, x)
	}
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(x - largest)
	}
	return largest + math.Log(sum)
}

// softmaxLoss is logits (N, K), labels (N) -> (1).
func softmaxLoss(smoothing float64, logits, labels array) array {
	y, total := zeros(1), counted(labels)
	for n, l := range labels.data {
		if l >= 0 {
			row := logits.row(n)
			all := logSumExp(row)
			y.data[0] += (1 - smoothing) * (all - row[int(l)]) / total
			for _, v := range row {
				y.data[0] += smoothing / float64(len(row)) * (all - v) / total
			}
		}
	}
	return y
}

func softmaxLossGrad(smoothing float64, logits, labels array, dloss float64) array {
	d, total := zerosLike(logits), counted(labels)
	for n, l := range labels.data {
		if l < 0 {
			continue
		}
		row := logits.row(n)
		all := logSumExp(row)
		for k, v := range row {
			d.row(n)[k] = (math.Exp(v-all) - smoothing/float64(len(row))) * dloss / total
		}
		d.row(n)[int(l)] -= (1 - smoothing) * dloss / total
	}
	return d
}

// sigmoidLoss is logits (N), labels (N) -> (1); log(1 + exp(v)) is written so
// that nothing overflows.
func sigmoidLoss(logits, labels array) array {
	y, total := zeros(1), counted(labels)
	for n, l := range labels.data {
		if l >= 0 {
			v := logits.data[n]
			y.data[0] += (math.Max(v, 0) + math.Log1p(math.Exp(-math.Abs(v))) - l*v) / total
		}
	}
	return y
}

func sigmoidLossGrad(logits, labels array, dloss float64) array {
	d, total := zerosLike(logits), counted(labels)
	for n, l := range labels.data {
		if l >= 0 {
			d.data[n] = (1/(1+math.Exp(-logits.data[n])) - l) * dloss / total
		}
	}
	return d
}

func smoothL1(beta float64, prediction, target, weight array) array {
	y := zeros(1)
	for i, w := range weight.data {
		distance := math.Abs(prediction.data[i] - target.data[i])
		if distance < beta {
			y.data[0] += w * distance * distance / (2 * beta)
		} else {
			y.data[0] += w * (distance - beta/2)
		}
	}
	return y
}

// smoothL1Grad is (prediction, target, weight, dloss (1)) -> dprediction.
func smoothL1Grad(beta float64, in []array) array {
	prediction, target, weight, dloss := in[0], in[1], in[2], in[3].data[0]
	d := zerosLike(prediction)
	for i, w := range weight.data {
		difference := prediction.data[i] - target.data[i]
		switch {
		case math.Abs(difference) < beta:
			d.data[i] = w * dloss * difference / beta
		case difference != 0:
			d.data[i] = w * dloss * math.Copysign(1, difference)
		}
	}
	return d
}
