package engine

import "scalenet/nn"

// lower makes a float32 program compute in bfloat16: images and features (all
// values of four dimensions) are bfloat16 between steps; parameters stay
// float32 (kernels pack what they need), sums are float32 inside kernels, and
// what is read from outside or has two dimensions is float32.
func (p *program) lower(native map[*value]bool) {
	cast := map[*value]*value{}
	for i := 0; i < len(p.steps); i++ {
		s := p.steps[i]
		for j, v := range s.in {
			if !v.input || v.Type != Float32 || len(v.Shape) != 4 {
				continue
			}
			if native[v] {
				v.Type = BFloat16
				continue
			}
			if cast[v] == nil {
				c := &value{Desc: Desc{v.Shape, BFloat16}, name: v.name + " (bf16)"}
				c.def = &step{op: Cast{}, in: []*value{v}, out: c, stage: s.stage}
				v.uses++
				cast[v] = c
				p.steps = append(p.steps[:i], append([]*step{c.def}, p.steps[i:]...)...)
				i++
			}
			s.in[j] = cast[v]
			v.uses--
			cast[v].uses++
		}
		if o := s.out; o.Type == Float32 && len(o.Shape) == 4 && (!o.kept || native[o]) {
			o.Type = BFloat16
		}
		if isView(s.out) {
			s.out.Type = s.in[0].Type
		}
	}
}

// isView says whether a value shares the memory of what it is computed from.
func isView(v *value) bool {
	if v.def == nil {
		return false
	}
	_, ok := v.def.op.(nn.Reshape)
	return ok
}
