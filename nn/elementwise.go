package nn

import (
	"fmt"
	"slices"
)

// ReLU is max(x, 0).
type ReLU struct{}

// Relu applies ReLU.
func Relu(x *Node) *Node { return Apply(ReLU{}, x) }

// OutShape implements Op.
func (ReLU) OutShape(in []Shape) (Shape, error) { return same(in, 1) }

// InPlace implements InPlacer.
func (ReLU) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (ReLU) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (ReLU) Diff(_ []*Node, out, grad *Node) []*Node {
	return []*Node{Apply(ReLUGrad{}, out, grad)}
}

// ReLUGrad is (y, dy) -> dy where y > 0, else 0; y is the output of ReLU.
type ReLUGrad struct{}

// OutShape implements Op.
func (ReLUGrad) OutShape(in []Shape) (Shape, error) { return same(in, 2) }

// InPlace implements InPlacer.
func (ReLUGrad) InPlace() []int { return []int{1, 0} }

// NoDerivative says why there is none.
func (ReLUGrad) NoDerivative() string { return secondDerivative }

// GELU is x * Phi(x) = x/2 * (1 + erf(x / sqrt(2))), Phi being the standard normal distribution: PyTorch's GELU without approximation.
type GELU struct{}

// Gelu applies GELU.
func Gelu(x *Node) *Node { return Apply(GELU{}, x) }

// OutShape implements Op.
func (GELU) OutShape(in []Shape) (Shape, error) { return same(in, 1) }

// InPlace implements InPlacer.
func (GELU) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (GELU) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (GELU) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(GELUGrad{}, in[0], grad)}
}

// GELUGrad is (x, dy) -> dy * (Phi(x) + x * phi(x)), phi being the standard normal density; x is GELU's input.
type GELUGrad struct{}

// OutShape implements Op.
func (GELUGrad) OutShape(in []Shape) (Shape, error) { return same(in, 2) }

// InPlace implements InPlacer.
func (GELUGrad) InPlace() []int { return []int{1, 0} }

// NoDerivative says why there is none.
func (GELUGrad) NoDerivative() string { return secondDerivative }

// Add is a + b for equal shapes.
type Add struct{}

// Sum adds nodes of equal shape, left to right.
func Sum(first *Node, rest ...*Node) *Node {
	for _, n := range rest {
		first = Apply(Add{}, first, n)
	}
	return first
}

// OutShape implements Op.
func (Add) OutShape(in []Shape) (Shape, error) { return same(in, 2) }

// InPlace implements InPlacer.
func (Add) InPlace() []int { return []int{0, 1} }

// Wrt implements Differentiable.
func (Add) Wrt(n int) []bool { return first(2, n) }

// Diff implements Differentiable.
func (Add) Diff(_ []*Node, _, grad *Node) []*Node { return []*Node{grad, grad} }

// Concat joins its inputs along Axis; the other dimensions are equal.
type Concat struct{ Axis int }

// Moves implements Mover.
func (Concat) Moves() {}

// Concatenate joins nodes along an axis; a single node is itself.
func Concatenate(axis int, nodes ...*Node) *Node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	return Apply(Concat{axis}, nodes...)
}

// OutShape implements Op.
func (c Concat) OutShape(in []Shape) (Shape, error) {
	if len(in) == 0 || c.Axis < 0 || c.Axis >= len(in[0]) {
		return nil, fmt.Errorf("%d inputs along axis %d, want one or more that have this axis", len(in), c.Axis)
	}
	out := in[0].Clone()
	for _, s := range in[1:] {
		if len(s) != len(out) {
			return nil, fmt.Errorf("%v and %v differ in dimensions", in[0], s)
		}
		for d := range s {
			if d != c.Axis && s[d] != out[d] {
				return nil, fmt.Errorf("%v and %v differ in dimension %d", in[0], s, d)
			}
		}
		out[c.Axis] += s[c.Axis]
	}
	return out, nil
}

// Wrt implements Differentiable.
func (c Concat) Wrt(n int) []bool { return first(n, n) }

// Diff implements Differentiable.
func (c Concat) Diff(in []*Node, _, grad *Node) []*Node {
	grads := make([]*Node, len(in))
	from := 0
	for i, n := range in {
		to := from + n.Shape()[c.Axis]
		grads[i] = Apply(Slice{c.Axis, from, to}, grad)
		from = to
	}
	return grads
}

// Slice takes [From, To) along Axis.
type Slice struct{ Axis, From, To int }

// Moves implements Mover.
func (Slice) Moves() {}

// OutShape implements Op.
func (s Slice) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if s.Axis < 0 || s.Axis >= len(in[0]) || s.From < 0 || s.From >= s.To || s.To > in[0][s.Axis] {
		return nil, fmt.Errorf("[%d, %d) along axis %d is outside of %v", s.From, s.To, s.Axis, in[0])
	}
	out := in[0].Clone()
	out[s.Axis] = s.To - s.From
	return out, nil
}

// Wrt implements Differentiable.
func (s Slice) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (s Slice) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(Embed{s.Axis, s.From, in[0].Shape()[s.Axis]}, grad)}
}

// Embed puts its input at From along Axis of a tensor of zeros that is Total
// long there: the transpose of Slice.
type Embed struct{ Axis, From, Total int }

// Moves implements Mover.
func (Embed) Moves() {}

// OutShape implements Op.
func (e Embed) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	out := in[0].Clone()
	if e.Axis < 0 || e.Axis >= len(out) || e.From < 0 || e.From+out[e.Axis] > e.Total {
		return nil, fmt.Errorf("%v at %d along axis %d is outside of %d", in[0], e.From, e.Axis, e.Total)
	}
	out[e.Axis] = e.Total
	return out, nil
}

// NoDerivative says why there is none.
func (Embed) NoDerivative() string { return secondDerivative }

// Reshape gives the same values another shape; use Reshaped.
type Reshape struct{ To Dims }

// Moves implements Mover.
func (Reshape) Moves() {}

// Reshaped is x with another shape of the same size.
func Reshaped(x *Node, shape ...int) *Node {
	for i, d := range shape {
		if d < 0 {
			Fail("reshaping %v to %v: dimension %d is negative", x.Shape(), Shape(shape), i)
		}
	}
	return Apply(Reshape{DimsOf(shape...)}, x)
}

// OutShape implements Op.
func (r Reshape) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	out := r.To.Shape().Clone()
	if out.TotalSize() != in[0].TotalSize() {
		return nil, fmt.Errorf("%v has %d values, %v has %d", in[0], in[0].TotalSize(), out, out.TotalSize())
	}
	return out, nil
}

// Roles implements Roler: what becomes (N, H, W, C) is a feature map.
func (r Reshape) Roles(n int) ([]Role, Role) {
	out := Full
	if len(r.To.Shape()) == 4 {
		out = Activation
	}
	return Reads(n, Activation), out
}

// Wrt implements Differentiable.
func (r Reshape) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (r Reshape) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Reshaped(grad, in[0].Shape()...)}
}

func same(in []Shape, n int) (Shape, error) {
	if err := wantInputs(in, n, n); err != nil {
		return nil, err
	}
	for _, s := range in[1:] {
		if !slices.Equal(s, in[0]) {
			return nil, fmt.Errorf("%v and %v differ", in[0], s)
		}
	}
	return in[0].Clone(), nil
}
