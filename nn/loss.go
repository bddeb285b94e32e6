package nn

import (
	"cmp"
	"fmt"
)

// SoftmaxCrossEntropy is the mean over the rows with a label of
// -log softmax(logits)[label]:
//
//	logits (N, K), labels (N) int32, negative = ignored -> (1)
//
// The loss is 0 if every label is ignored. Smoothing is PyTorch's label_smoothing: the fraction of each label that is spread evenly over all classes.
type SoftmaxCrossEntropy struct{ Smoothing float64 }

// OutShape implements Op.
func (l SoftmaxCrossEntropy) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if err := wantDims("logits", in[0], 2); err != nil {
		return nil, err
	}
	if !(l.Smoothing >= 0 && l.Smoothing <= 1) {
		return nil, fmt.Errorf("smoothing %g is not in [0, 1]", l.Smoothing)
	}
	return Shape{1}, wantShape("labels", in[1], in[0][0])
}

// Roles implements Roler.
func (SoftmaxCrossEntropy) Roles(n int) ([]Role, Role) { return Reads(n, Full, Index), Full }

// Wrt implements Differentiable.
func (SoftmaxCrossEntropy) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (l SoftmaxCrossEntropy) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(SoftmaxCrossEntropyGrad{l.Smoothing}, in[0], in[1], grad), nil}
}

// SoftmaxCrossEntropyGrad is (logits, labels, dloss (1)) -> dlogits.
type SoftmaxCrossEntropyGrad struct{ Smoothing float64 }

// OutShape implements Op.
func (l SoftmaxCrossEntropyGrad) OutShape(in []Shape) (Shape, error) {
	return lossGradShape(SoftmaxCrossEntropy{l.Smoothing}, in)
}

// Roles implements Roler.
func (SoftmaxCrossEntropyGrad) Roles(n int) ([]Role, Role) { return Reads(n, Full, Index, Full), Full }

// NoDerivative says why there is none.
func (SoftmaxCrossEntropyGrad) NoDerivative() string { return secondDerivative }

// SigmoidCrossEntropy is the mean over the elements with a label of
// log(1 + exp(logit)) - label * logit:
//
//	logits (N), labels (N) int32: 1, 0, negative = ignored -> (1)
//
// The loss is 0 if every label is ignored.
type SigmoidCrossEntropy struct{}

// OutShape implements Op.
func (SigmoidCrossEntropy) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	return Shape{1}, wantShape("labels", in[1], in[0]...)
}

// Roles implements Roler.
func (SigmoidCrossEntropy) Roles(n int) ([]Role, Role) { return Reads(n, Full, Index), Full }

// Wrt implements Differentiable.
func (SigmoidCrossEntropy) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (SigmoidCrossEntropy) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(SigmoidCrossEntropyGrad{}, in[0], in[1], grad), nil}
}

// SigmoidCrossEntropyGrad is (logits, labels, dloss (1)) -> dlogits.
type SigmoidCrossEntropyGrad struct{}

// OutShape implements Op.
func (SigmoidCrossEntropyGrad) OutShape(in []Shape) (Shape, error) {
	return lossGradShape(SigmoidCrossEntropy{}, in)
}

// Roles implements Roler.
func (SigmoidCrossEntropyGrad) Roles(n int) ([]Role, Role) { return Reads(n, Full, Index, Full), Full }

// NoDerivative says why there is none.
func (SigmoidCrossEntropyGrad) NoDerivative() string { return secondDerivative }

// SmoothL1 is the weighted sum of the smooth L1 distance:
//
//	prediction, target, weight of equal shape -> (1)
//	d = prediction - target; weight * (d^2 / (2 Beta) where |d| < Beta, else |d| - Beta/2)
//
// The weights include the normaliser 1/n, and are 0 for elements that are not trained.
type SmoothL1 struct{ Beta float64 }

// OutShape implements Op.
func (l SmoothL1) OutShape(in []Shape) (Shape, error) {
	if _, err := same(in, 3); err != nil {
		return nil, err
	}
	if !(l.Beta >= 0) {
		return nil, fmt.Errorf("beta %g is negative", l.Beta)
	}
	return Shape{1}, nil
}

// Roles implements Roler.
func (SmoothL1) Roles(n int) ([]Role, Role) { return Reads(n, Full, Full, Full), Full }

// Wrt implements Differentiable.
func (SmoothL1) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (l SmoothL1) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(SmoothL1Grad{l.Beta}, in[0], in[1], in[2], grad), nil, nil}
}

// SmoothL1Grad is (prediction, target, weight, dloss (1)) -> dprediction.
type SmoothL1Grad struct{ Beta float64 }

// OutShape implements Op.
func (l SmoothL1Grad) OutShape(in []Shape) (Shape, error) {
	return lossGradShape(SmoothL1{l.Beta}, in)
}

// Roles implements Roler.
func (SmoothL1Grad) Roles(n int) ([]Role, Role) { return Reads(n, Full, Full, Full, Full), Full }

// NoDerivative says why there is none.
func (SmoothL1Grad) NoDerivative() string { return secondDerivative }

// lossGradShape is the shape of a loss's gradient: its inputs are the loss's and dloss.
func lossGradShape(loss Op, in []Shape) (Shape, error) {
	last := len(in) - 1
	if last < 1 {
		return nil, wantInputs(in, 2, 2)
	}
	_, err := loss.OutShape(in[:last])
	return in[0].Clone(), cmp.Or(err, wantShape("dloss", in[last], 1))
}
