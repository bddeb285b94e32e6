package train

import (
	"cmp"
	"maps"
	"slices"

	"scalenet/engine"
	"scalenet/nn"
)

// gradientParts is the most parts of GradientParts.
const gradientParts = 4

// GradientParts divides the gradients of a graph into at most four parts, in the order in which its backward pass knows them. Each but the last has at least
// half of what the parts before it have left, so that little is left to exchange at the end. Without gradients there is one part, an empty one.
func GradientParts(grads []nn.Gradient) [][]nn.Gradient {
	grads = slices.Clone(grads)
	slices.SortFunc(grads, func(a, b nn.Gradient) int { return cmp.Compare(a.Node.ID(), b.Node.ID()) })
	left := 0
	for _, g := range grads {
		left += g.Node.Shape().TotalSize()
	}
	var parts [][]nn.Gradient
	for len(grads) > 0 && len(parts) < gradientParts-1 {
		n, size := 0, 0
		for n == 0 || 2*size < left {
			size += grads[n].Node.Shape().TotalSize()
			n++
		}
		parts, grads, left = append(parts, grads[:n]), grads[n:], left-size
	}
	if len(grads) > 0 || len(parts) == 0 {
		parts = append(parts, grads)
	}
	return parts
}

// StepGradients are the gradients of a compiled training step, in parts, in the order in which the step knows them.
type StepGradients []map[*nn.Param]engine.Memory

// Add adds a part, which a plan computes.
func (s *StepGradients) Add(plan *engine.Plan, grads []nn.Gradient) {
	part := map[*nn.Param]engine.Memory{}
	for _, g := range grads {
		tensor, _ := plan.Tensor(g.Node)
		part[g.Param] = tensor.Mem
	}
	*s = append(*s, part)
}

// Known calls f, unless it is nil, with a part that is not the last.
func (s StepGradients) Known(part int, f func(StepGradients) error) error {
	if f == nil || part == len(s)-1 {
		return nil
	}
	return f(s[part : part+1])
}

// Of returns the gradient of a parameter, nil without one.
func (s StepGradients) Of(p *nn.Param) engine.Memory {
	for _, part := range s {
		if m, has := part[p]; has {
			return m
		}
	}
	return nil
}

// InOrder returns the gradients in the order of params, nil for parameters without one.
func (s StepGradients) InOrder(params *nn.Params) []engine.Memory {
	var list []engine.Memory
	for _, p := range params.All() {
		list = append(list, s.Of(p))
	}
	return list
}

// Params returns the parameters of each part, in any order.
func (s StepGradients) Params() [][]*nn.Param {
	parts := make([][]*nn.Param, len(s))
	for i, part := range s {
		parts[i] = slices.Collect(maps.Keys(part))
	}
	return parts
}
