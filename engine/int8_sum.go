package engine

import (
	"errors"
	"slices"

	"scalenet/nn"
)

// Int8ConvSum is an [Int8Conv] whose result, float32 and not rectified, is the residual of an [Int8Resize]: the end of a scale aggregation block in one
// kernel, which does not write the convolution's result. The inputs are those of the convolution, then those to resize. The resize repeats pixels: it is
// nearest.
type Int8ConvSum struct {
	Conv   Int8Conv
	Resize Int8Resize
}

// Split returns the numbers of the convolution's inputs and of the others.
func (c Int8ConvSum) Split() (conv, resized int) {
	return c.Conv.Block.ResidualAt() + count(c.Conv.Block.Residual, 1) + 1, c.Resize.Block.ResidualAt()
}

// OutShape implements nn.Op.
func (c Int8ConvSum) OutShape(in []nn.Shape) (nn.Shape, error) {
	if c.Conv.Y.On() || c.Conv.Block.Activation != "" || !c.Resize.Block.Residual || c.Resize.Residual.On() || c.Resize.Block.Resize2D.Mode != nn.Nearest {
		return nil, errors.New("want a convolution to float32 that a nearest resize adds to")
	}
	conv, resized := c.Split()
	if err := wantInputs(in, conv+resized); err != nil {
		return nil, err
	}
	y, err := c.Conv.OutShape(in[:conv])
	if err != nil {
		return nil, err
	}
	return c.Resize.OutShape(append(in[conv:len(in):len(in)], y))
}

// Roles implements nn.Roler.
func (c Int8ConvSum) Roles(n int) ([]nn.Role, nn.Role) {
	conv, resized := c.Split()
	in, _ := c.Conv.Roles(min(conv, n))
	more, out := c.Resize.Roles(resized + 1)
	return append(in, more[:max(n-len(in), 0)]...), out
}

// joinSums puts an Int8ConvSum in the place of a convolution and the resize that is the only one to read its result.
func (p *program) joinSums() {
	uses := map[*value]int{}
	for _, s := range p.steps {
		for _, v := range s.in {
			uses[v]++
		}
	}
	gone := map[*step]bool{}
	for _, s := range p.steps {
		r, ok := s.op.(Int8Resize)
		if !ok || !r.Block.Residual || r.Block.Resize2D.Mode != nn.Nearest {
			continue
		}
		at := r.Block.ResidualAt()
		v := s.in[at]
		if v.def == nil || uses[v] != 1 || v.kept || v.def.stage != s.stage {
			continue
		}
		conv, ok := v.def.op.(Int8Conv)
		if !ok || conv.Y.On() || conv.Block.Activation != "" {
			continue
		}
		gone[v.def] = true
		s.op, s.in = Int8ConvSum{Conv: conv, Resize: r}, slices.Concat(v.def.in, s.in[:at])
	}
	p.steps = slices.DeleteFunc(p.steps, func(s *step) bool { return gone[s] })
}
