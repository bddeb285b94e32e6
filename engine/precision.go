package engine

import (
	"fmt"
	"slices"

	"scalenet/nn"
)

// lower makes a float32 program compute in a shorter type: images, features and
// their gradients (all values of four dimensions) have it between steps. Parameters,
// what is computed from them alone, and their gradients stay float32: kernels pack
// what they need. Sums are float32 inside kernels, and what is read from outside or
// has other dimensions is float32; a step that reads such a feature reads a copy of it.
func (p *program) lower(features DType, native map[*value]bool) {
	for v := range native {
		if v != nil && v.input && isFeature(v) {
			v.Type = features
		}
	}
	l := lowering{features: features, native: native, fixed: map[*value]bool{}, whole: map[*value]bool{}, short: map[*value]*value{}}
	for _, s := range p.steps {
		for i, v := range s.in {
			l.whole[v] = l.whole[v] || isWhole(s.op, i)
		}
	}
	for _, s := range p.steps {
		switch {
		case !slices.ContainsFunc(s.in, func(v *value) bool { return v.param == nil && !l.fixed[v] }):
			l.fixed[s.out] = true
		case isView(s.out):
			l.view(s)
		default:
			l.compute(s)
			l.fixed[s.out] = WeightGradient(s.op)
		}
		l.steps = append(l.steps, s)
	}
	p.steps = l.steps
}

// lowering is a program being made to compute in a shorter type, step by step.
type lowering struct {
	features DType
	steps    []*step
	native   map[*value]bool
	fixed    map[*value]bool   // computed from parameters, or gradients of them, alone
	whole    map[*value]bool   // read in float32
	short    map[*value]*value // the copy of a float32 feature in the shorter type
}

// compute makes a step read and write shorter features.
func (l *lowering) compute(s *step) {
	for i, v := range s.in {
		if !isFeature(v) || isWhole(s.op, i) {
			continue
		}
		c := l.short[v]
		if c == nil {
			c = l.insert(Cast{}, v, v.Shape, s.stage)
			l.short[v] = c
		}
		v.uses--
		c.uses++
		s.in[i] = c
	}
	if isFeature(s.out) && !WeightGradient(s.op) && !l.whole[s.out] && (!s.out.kept || l.native[s.out]) {
		s.out.Type = l.features
	}
}

// view gives a view the type of what it is a view of. What is read from outside
// is float32: a copy of the view.
func (l *lowering) view(s *step) {
	source := s.in[0]
	if source.Type != l.features || !s.out.kept || l.native[s.out] {
		s.out.Type = source.Type
		return
	}
	v := l.insert(s.op, source, s.out.Shape, s.stage)
	source.uses--
	v.uses++
	s.op, s.in = Cast{}, []*value{v}
	l.short[s.out] = v
}

// insert adds a step that computes a shorter value from one other.
func (l *lowering) insert(op nn.Op, from *value, shape []int, stage int) *value {
	v := &value{Desc: Desc{shape, l.features}, name: fmt.Sprintf("%s (%v)", from.name, l.features)}
	v.def = &step{op: op, in: []*value{from}, out: v, stage: stage}
	from.uses++
	l.steps = append(l.steps, v.def)
	return v
}

// isFeature says whether a value is a float32 image or feature.
func isFeature(v *value) bool { return v.Type == Float32 && len(v.Shape) == 4 }

// isWhole says whether input i is read in float32 though it has four dimensions: a
// convolution's weight, and the scores and deltas that boxes are chosen by.
func isWhole(op nn.Op, i int) bool {
	switch op.(type) {
	case nn.Conv2D, ConvBlock, nn.Conv2DGradInput, ConvBlockGradInput:
		return i == 1
	case nn.Proposals:
		return true
	}
	return false
}

// WeightGradient says whether an operation makes the gradient of a convolution's weight,
// which is float32 whatever type features have.
func WeightGradient(op nn.Op) bool {
	switch op.(type) {
	case nn.Conv2DGradWeight, ConvBlockGradWeight:
		return true
	}
	return false
}

// isView says whether a value shares the memory of what it is computed from.
func isView(v *value) bool {
	if v.def == nil {
		return false
	}
	_, ok := v.def.op.(nn.Reshape)
	return ok
}
