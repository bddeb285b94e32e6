package engine

import (
	"slices"

	"scalenet/nn"
)

// fuse makes chains of steps into the fused operations, rule by rule. Each rule
// looks at a step and the steps that compute its inputs; a value can be fused
// away only if nothing else reads it.
func (p *program) fuse() {
	for _, rule := range []func(*step) bool{
		p.block, p.foldNorm, p.foldNormGrad,
		p.addReLUGrad, p.joinEmbeds,
	} {
		p.everywhere(rule)
		p.sweep()
	}
	// A residual sum, then the activation: repeated, since a sum of several
	// terms hangs on a chain.
	p.everywhere(p.foldResidual)
	p.everywhere(p.joinResizes)
	p.everywhere(p.foldActivation)
	p.sweep()
}

// everywhere applies a rule to each step, in order, until it no longer holds.
func (p *program) everywhere(rule func(*step) bool) {
	for _, s := range slices.Clone(p.steps) {
		for s.op != nil && rule(s) {
		}
	}
}

// private is the step that computes v if this step alone reads it.
func private(v *value) *step {
	if v.def == nil || v.uses != 1 || v.kept {
		return nil
	}
	return v.def
}

// block: an operation -> its block; convolutions and their gradients by x take a weight's slice themselves.
func (p *program) block(s *step) bool {
	op, ok := Block(s.op, len(s.in))
	if !ok {
		return false
	}
	in := slices.Clone(s.in)
	switch b := op.(type) {
	case ConvBlock:
		in[1], b.From, b.To = sliceOfWeight(s.in[1], b.Conv2D.Groups)
		b.Images = p.images
		op = b
	case ConvBlockGradInput:
		in[1], b.From, b.To = sliceOfWeight(s.in[1], b.Conv2DGradInput.Conv2D.Groups)
		op = b
	}
	p.replace(op, in, s)
	return true
}

// sliceOfWeight sees through a slice of a parameter's input channels. Those of
// a grouped convolution's weight are not channels of x.
func sliceOfWeight(w *value, groups int) (source *value, from, to int) {
	if w.def != nil && groups == 1 {
		if op, ok := w.def.op.(nn.Slice); ok && op.Axis == 1 && w.def.in[0].param != nil {
			return w.def.in[0], op.From, op.To
		}
	}
	return w, 0, 0
}

// foldNorm: frozen norm of a convolution -> into its weights.
func (p *program) foldNorm(s *step) bool {
	op, ok := s.op.(nn.FrozenBatchNorm2D)
	if !ok {
		return false
	}
	conv := private(s.in[0])
	if conv == nil {
		return false
	}
	block, ok := conv.op.(ConvBlock)
	if !ok || block.Norm.On || block.Bias {
		return false
	}
	block.Norm = Norm{On: true, Eps: op.Eps, ScaleOnly: op.ScaleOnly}
	p.replace(block, append(slices.Clone(conv.in), s.in[1:]...), conv, s)
	return true
}

// foldNormGrad: a convolution's gradients from a frozen norm's gradient -> the
// norm's scale goes into the weights and the weights' gradient.
func (p *program) foldNormGrad(s *step) bool {
	normGrad := func(v *value) (normGradient, bool) {
		if v.def == nil {
			return normGradient{}, false
		}
		op, ok := v.def.op.(nn.FrozenBatchNorm2DGrad)
		if !ok {
			return normGradient{}, false
		}
		return normGradient{v.def.in, Norm{On: true, Eps: op.Eps}}, true
	}
	switch op := s.op.(type) {
	case ConvBlockGradInput:
		if n, ok := normGrad(s.in[0]); ok && !op.Norm.On {
			op.Norm = n.norm
			p.replace(op, []*value{n.in[0], s.in[1], n.in[1], n.in[2]}, s)
			return true
		}
	case ConvBlockGradWeight:
		if n, ok := normGrad(s.in[1]); ok && !op.Norm.On {
			op.Norm = n.norm
			p.replace(op, []*value{s.in[0], n.in[0], n.in[1], n.in[2]}, s)
			return true
		}
	}
	return false
}

// normGradient is a frozen norm's gradient seen from the convolution below it.
type normGradient struct {
	in   []*value // dy, weight, variance
	norm Norm
}

// foldResidual: a + block(x) -> the block adds a itself.
func (p *program) foldResidual(s *step) bool {
	if _, ok := s.op.(nn.Add); !ok {
		return false
	}
	for _, i := range []int{1, 0} { // the later term first
		block, other := private(s.in[i]), s.in[1-i]
		if block == nil || other == s.in[i] {
			continue
		}
		if op := withResidual(block.op); op != nil {
			p.replace(op, append(slices.Clone(block.in), other), block, s)
			return true
		}
	}
	return false
}

// withResidual is the block that adds a further, last input; nil if it cannot.
func withResidual(op nn.Op) nn.Op {
	switch b := op.(type) {
	case ConvBlock:
		if !b.Residual && b.Activation == "" {
			b.Residual = true
			return b
		}
	case ResizeBlock:
		if !b.Residual && !b.ReLU {
			b.Residual = true
			return b
		}
	case NormBlock:
		if !b.Residual && !b.ReLU {
			b.Residual = true
			return b
		}
	case ScaleBlock:
		if !b.Residual && !b.ReLU {
			b.Residual = true
			return b
		}
	}
	return nil
}

// foldActivation: activation(block) -> the block applies it. In training something else reads the input of a HardSwish: its gradient.
func (p *program) foldActivation(s *step) bool {
	activation := activationOf(s.op)
	if activation == "" {
		return false
	}
	block := private(s.in[0])
	if block == nil {
		return false
	}
	if op := withActivation(block.op, activation); op != nil {
		p.replace(op, block.in, block, s)
		return true
	}
	return false
}

// withActivation is the operation that applies an activation to its result; nil if it cannot.
func withActivation(op nn.Op, activation Activation) nn.Op {
	if conv, ok := op.(ConvBlock); ok && conv.Activation == "" {
		conv.Activation = activation
		return conv
	}
	if activation != ReLU {
		return nil
	}
	switch op := op.(type) {
	case ResizeBlock:
		op.ReLU = true
		return op
	case NormBlock:
		op.ReLU = true
		return op
	case ScaleBlock:
		op.ReLU = true
		return op
	case nn.FrozenBatchNorm2D:
		return FrozenNormReLU{op}
	case nn.Add:
		return AddReLU{}
	}
	return nil
}

// addReLUGrad: the rectifier's gradient of a sum of two gradients, in one pass.
func (p *program) addReLUGrad(s *step) bool {
	if _, ok := s.op.(nn.ReLUGrad); !ok {
		return false
	}
	sum := private(s.in[1])
	if sum == nil {
		return false
	}
	if _, ok := sum.op.(nn.Add); !ok {
		return false
	}
	p.replace(AddReLUGrad{}, []*value{s.in[0], sum.in[0], sum.in[1]}, sum, s)
	return true
}

// joinEmbeds: a sum of slices put side by side that fill the whole -> their concatenation.
func (p *program) joinEmbeds(s *step) bool {
	if _, ok := s.op.(nn.Add); !ok {
		return false
	}
	steps, parts, ok := embedsBelow(s)
	if !ok || len(parts) < 2 {
		return false
	}
	slices.SortFunc(parts, func(a, b *step) int { return a.op.(nn.Embed).From - b.op.(nn.Embed).From })
	axis, at := parts[0].op.(nn.Embed).Axis, 0
	in := make([]*value, len(parts))
	for i, part := range parts {
		e := part.op.(nn.Embed)
		if e.Axis != axis || e.From != at {
			return false
		}
		at += part.in[0].Shape[axis]
		in[i] = part.in[0]
	}
	if at != s.out.Shape[axis] {
		return false
	}
	p.replace(nn.Concat{Axis: axis}, in, append(steps, s)...)
	return true
}

// embedsBelow collects the Embed steps that a tree of private additions adds up,
// and all the tree's steps below s.
func embedsBelow(s *step) (all, embeds []*step, ok bool) {
	for _, v := range s.in {
		d := private(v)
		if d == nil {
			return nil, nil, false
		}
		switch d.op.(type) {
		case nn.Embed:
			all, embeds = append(all, d), append(embeds, d)
		case nn.Add:
			a, e, ok := embedsBelow(d)
			if !ok {
				return nil, nil, false
			}
			all, embeds = append(append(all, a...), d), append(embeds, e...)
		default:
			return nil, nil, false
		}
	}
	return all, embeds, true
}
