package nn

import (
	"cmp"
	"fmt"
)

// Moments2D computes the mean and the biased variance of each channel over images, rows and columns: x (..., C) -> (2, C).
//
// Moments2D has no gradient of its own: BatchNorm2D.Diff includes the dependence of mean and variance on x.
type Moments2D struct{}

// OutShape implements Op.
func (Moments2D) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	c, err := channels("x", in[0])
	return Shape{2, c}, err
}

// Roles implements Roler.
func (Moments2D) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Full }

// ZeroDerivative implements Detached.
func (Moments2D) ZeroDerivative() string {
	return "BatchNorm2D's derivative with respect to x takes the batch statistics into account"
}

// BatchNorm2D normalises each channel by its batch mean and variance:
//
//	x (N, H, W, C), weight (C), bias (C), moments (2, C) of x -> like x
//
// moments, the output of Moments2D, are an input so that they are computed once. The gradient with respect to x includes their dependence on x.
type BatchNorm2D struct{ Eps float64 }

// OutShape implements Op.
func (b BatchNorm2D) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 4, 4); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 4); err != nil {
		return nil, err
	}
	c := in[0][3]
	return in[0].Clone(), cmp.Or(wantShape("weight", in[1], c), wantShape("bias", in[2], c), wantShape("moments", in[3], 2, c))
}

// Roles implements Roler.
func (BatchNorm2D) Roles(n int) ([]Role, Role) {
	return Reads(n, Activation, Parameter, Parameter, Full), Activation
}

// InPlace implements InPlacer.
func (BatchNorm2D) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (b BatchNorm2D) Wrt(n int) []bool { return first(3, n) }

// Diff implements Differentiable.
func (b BatchNorm2D) Diff(in []*Node, _, grad *Node) []*Node {
	x, weight, moments := in[0], in[1], in[3]
	params := Apply(BatchNorm2DGradParams{b.Eps}, x, moments, grad)
	return []*Node{
		Apply(BatchNorm2DGradInput{b.Eps}, x, weight, moments, grad, params),
		Apply(Row{0}, params),
		Apply(Row{1}, params),
	}
}

// BatchNorm2DGradParams is (x, moments, dy) -> (2, C): the gradients of weight and bias.
type BatchNorm2DGradParams struct{ Eps float64 }

// OutShape implements Op.
func (b BatchNorm2DGradParams) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 3, 3); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 4); err != nil {
		return nil, err
	}
	return in[1].Clone(), cmp.Or(wantShape("moments", in[1], 2, in[0][3]), wantShape("dy", in[2], in[0]...))
}

// Roles implements Roler.
func (BatchNorm2DGradParams) Roles(n int) ([]Role, Role) {
	return Reads(n, Activation, Full, Activation), Full
}

// NoDerivative says why there is none.
func (BatchNorm2DGradParams) NoDerivative() string { return secondDerivative }

// BatchNorm2DGradInput is (x, weight, moments, dy, dparams (2, C)) -> dx.
type BatchNorm2DGradInput struct{ Eps float64 }

// OutShape implements Op.
func (b BatchNorm2DGradInput) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 5, 5); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 4); err != nil {
		return nil, err
	}
	c := in[0][3]
	return in[0].Clone(), cmp.Or(wantShape("weight", in[1], c), wantShape("moments", in[2], 2, c),
		wantShape("dy", in[3], in[0]...), wantShape("dparams", in[4], 2, c))
}

// Roles implements Roler.
func (BatchNorm2DGradInput) Roles(n int) ([]Role, Role) {
	return Reads(n, Activation, Parameter, Full, Activation, Full), Activation
}

// NoDerivative says why there is none.
func (BatchNorm2DGradInput) NoDerivative() string { return secondDerivative }

// FrozenBatchNorm2D normalises each channel by fixed statistics:
//
//	x (..., C), weight, bias, mean, variance (C)
//	-> (x - mean) * weight / sqrt(variance + Eps) + bias
//
// With ScaleOnly the result is x * weight / sqrt(variance + Eps), without the constant term. So a sum can be normalised term by term, with the constant
// added once. Weight and bias are constants: only x has a gradient.
type FrozenBatchNorm2D struct {
	Eps       float64
	ScaleOnly bool
}

// OutShape implements Op.
func (b FrozenBatchNorm2D) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 5, 5); err != nil {
		return nil, err
	}
	c, err := channels("x", in[0])
	return in[0].Clone(), cmp.Or(err, wantShape("weight", in[1], c), wantShape("bias", in[2], c),
		wantShape("mean", in[3], c), wantShape("variance", in[4], c))
}

// Roles implements Roler.
func (FrozenBatchNorm2D) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// InPlace implements InPlacer.
func (FrozenBatchNorm2D) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (b FrozenBatchNorm2D) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (b FrozenBatchNorm2D) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(FrozenBatchNorm2DGrad{b.Eps}, grad, in[1], in[4]), nil, nil, nil, nil}
}

// FrozenBatchNorm2DGrad is (dy, weight, variance) -> dy * weight / sqrt(variance + Eps).
type FrozenBatchNorm2DGrad struct{ Eps float64 }

// OutShape implements Op.
func (b FrozenBatchNorm2DGrad) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 3, 3); err != nil {
		return nil, err
	}
	c, err := channels("dy", in[0])
	return in[0].Clone(), cmp.Or(err, wantShape("weight", in[1], c), wantShape("variance", in[2], c))
}

// Roles implements Roler.
func (FrozenBatchNorm2DGrad) Roles(n int) ([]Role, Role) { return Reads(n, Activation), Activation }

// InPlace implements InPlacer.
func (FrozenBatchNorm2DGrad) InPlace() []int { return []int{0} }

// NoDerivative says why there is none.
func (FrozenBatchNorm2DGrad) NoDerivative() string { return secondDerivative }

// Row takes row Index of a (R, C) matrix -> (C).
type Row struct{ Index int }

// Moves implements Mover.
func (Row) Moves() {}

// OutShape implements Op.
func (r Row) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantDims("x", in[0], 2); err != nil {
		return nil, err
	}
	if r.Index < 0 || r.Index >= in[0][0] {
		return nil, fmt.Errorf("row %d of %v", r.Index, in[0])
	}
	return Shape{in[0][1]}, nil
}

// Roles implements Roler.
func (Row) Roles(n int) ([]Role, Role) { return Reads(n, Full), Full }

// NoDerivative says why there is none.
func (Row) NoDerivative() string { return secondDerivative }
