package nn

// HardSwish is x * relu6(x + 3) / 6, PyTorch's Hardswish.
type HardSwish struct{}

// OutShape implements Op.
func (HardSwish) OutShape(in []Shape) (Shape, error) { return same(in, 1) }

// InPlace implements InPlacer.
func (HardSwish) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (HardSwish) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (HardSwish) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(HardSwishGrad{}, in[0], grad)}
}

// HardSwishGrad is (x, dy) -> dx; x is HardSwish's input. The slope is 0 up to -3, 1 from 3 on, and x/3 + 1/2 between them.
type HardSwishGrad struct{}

// OutShape implements Op.
func (HardSwishGrad) OutShape(in []Shape) (Shape, error) { return same(in, 2) }

// InPlace implements InPlacer.
func (HardSwishGrad) InPlace() []int { return []int{1, 0} }

// NoDerivative says why there is none.
func (HardSwishGrad) NoDerivative() string { return secondDerivative }

// HardSigmoid is relu6(x + 3) / 6, PyTorch's Hardsigmoid.
type HardSigmoid struct{}

// OutShape implements Op.
func (HardSigmoid) OutShape(in []Shape) (Shape, error) { return same(in, 1) }

// InPlace implements InPlacer.
func (HardSigmoid) InPlace() []int { return []int{0} }

// Wrt implements Differentiable.
func (HardSigmoid) Wrt(n int) []bool { return first(1, n) }

// Diff implements Differentiable.
func (HardSigmoid) Diff(in []*Node, _, grad *Node) []*Node {
	return []*Node{Apply(HardSigmoidGrad{}, in[0], grad)}
}

// HardSigmoidGrad is (x, dy) -> dy / 6 where -3 < x < 3, else 0; x is HardSigmoid's input.
type HardSigmoidGrad struct{}

// OutShape implements Op.
func (HardSigmoidGrad) OutShape(in []Shape) (Shape, error) { return same(in, 2) }

// InPlace implements InPlacer.
func (HardSigmoidGrad) InPlace() []int { return []int{1, 0} }

// NoDerivative says why there is none.
func (HardSigmoidGrad) NoDerivative() string { return secondDerivative }
