package engine

import (
	"fmt"

	"scalenet/nn"
)

// lower changes the type of a float32 program's activations to a 16-bit type. All other values stay float32; kernels convert parameters when they pack
// them, and accumulate in float32. Outputs for the host stay float32, too, so a step that reads such an activation reads a 16-bit copy.
func (p *program) lower(features DType, native map[*value]bool) {
	for v := range native {
		if v != nil && v.input && v.role == nn.Activation {
			v.Type = features
		}
	}
	l := lowering{features: features, native: native, full: map[*value]bool{}, copies: map[*value]*value{}}
	for _, s := range p.steps {
		for i, r := range s.reads() {
			l.full[s.in[i]] = l.full[s.in[i]] || r == nn.Full
		}
	}
	for _, s := range p.steps {
		if isView(s.out) {
			l.view(s)
		} else {
			l.compute(s)
		}
		l.steps = append(l.steps, s)
	}
	p.steps = l.steps
}

// reads returns the roles in which a step reads its inputs.
func (s *step) reads() []nn.Role {
	in := make([]nn.Role, len(s.in))
	for i, v := range s.in {
		in[i] = v.role
	}
	read, _ := nn.RolesOf(s.op, in)
	return read
}

// lowering is a program being made to compute in a 16-bit type, step by step.
type lowering struct {
	features DType
	steps    []*step
	native   map[*value]bool
	full     map[*value]bool   // read in float32
	copies   map[*value]*value // of float32 values, in the 16-bit type
}

// compute makes a step read and write activations in the 16-bit type.
func (l *lowering) compute(s *step) {
	for i, r := range s.reads() {
		v := s.in[i]
		if r != nn.Activation || v.Type != Float32 {
			continue
		}
		c := l.copies[v]
		if c == nil {
			c = l.insert(Cast{}, v, v.Shape, s.stage)
			l.copies[v] = c
		}
		v.uses--
		c.uses++
		s.in[i] = c
	}
	if s.out.role == nn.Activation && s.out.Type == Float32 && !l.full[s.out] && (!s.out.kept || l.native[s.out]) {
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
	l.copies[s.out] = v
}

// insert adds a step that computes a 16-bit value from one other.
func (l *lowering) insert(op nn.Op, from *value, shape []int, stage int) *value {
	v := &value{Desc: Desc{shape, l.features}, role: nn.Activation, name: fmt.Sprintf("%s (%v)", from.name, l.features)}
	v.def = &step{op: op, in: []*value{from}, out: v, stage: stage}
	from.uses++
	l.steps = append(l.steps, v.def)
	return v
}

// isView says whether a value shares the memory of what it is computed from.
func isView(v *value) bool {
	if v.def == nil {
		return false
	}
	_, ok := v.def.op.(nn.Reshape)
	return ok
}
