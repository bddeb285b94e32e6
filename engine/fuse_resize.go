package engine

// maxResizes is how many resized terms a ResizeBlock takes: a ScaleNet block
// has that many below its own resolution.
const maxResizes = 3

// joinResizes: a resize that is added to a resize -> one pass over the sum.
func (p *program) joinResizes(s *step) bool {
	outer, ok := s.op.(ResizeBlock)
	if !ok || !outer.Residual {
		return false
	}
	below := private(s.in[outer.ResidualAt()])
	if below == nil {
		return false
	}
	inner, ok := below.op.(ResizeBlock)
	if !ok || inner.ReLU || inner.Resize2D != outer.Resize2D || outer.More+inner.More+2 > maxResizes {
		return false
	}
	in := append(resized(below), s.in[:outer.ResidualAt()]...)
	if inner.Residual {
		in = append(in, below.in[inner.ResidualAt()])
	}
	p.replace(ResizeBlock{
		Resize2D: outer.Resize2D, More: outer.More + inner.More + 1, Residual: inner.Residual, ReLU: outer.ReLU,
	}, in, below, s)
	return true
}

// resized lists what a ResizeBlock resizes.
func resized(s *step) []*value {
	return append([]*value(nil), s.in[:s.op.(ResizeBlock).ResidualAt()]...)
}
