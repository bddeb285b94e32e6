package ref

import (
	"scalenet/engine"
	"scalenet/nn"
)

// fused computes engine's operations by what they are documented to equal.
func fused(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case engine.ConvBlock:
		return of(func(in []array) array { return convBlock(op, in) }), true
	case engine.ConvBlockGradInput:
		return of(func(in []array) array { return convBlockGradInput(op, in) }), true
	case engine.ConvBlockGradWeight:
		return of(func(in []array) array { return convBlockGradWeight(op, in) }), true
	case engine.ResizeBlock:
		return of(func(in []array) array {
			y := resizeForward(op.Resize2D, in[0])
			for _, x := range in[1:op.ResidualAt()] {
				y = add(y, resizeForward(op.Resize2D, x))
			}
			return finish(y, in[op.ResidualAt():], op.ReLU)
		}), true
	case engine.NormBlock:
		return of(func(in []array) array {
			return finish(batchNorm(op.BatchNorm2D, in[0], in[1], in[2], in[3]), in[4:], op.ReLU)
		}), true
	case engine.ScaleBlock:
		return of(func(in []array) array {
			return finish(scaleChannels(in[0], in[1]), in[2:], op.ReLU)
		}), true
	case engine.FrozenNormReLU:
		return of(func(in []array) array { return relu(frozenNorm(op.FrozenBatchNorm2D, in[0], in[1:])) }), true
	case engine.AddReLU:
		return of(func(in []array) array { return relu(add(in[0], in[1])) }), true
	case engine.AddReLUGrad:
		return of(func(in []array) array { return reluGrad(in[0], add(in[1], in[2])) }), true
	case engine.Cast:
		o := of(func(in []array) array { return in[0] })
		o.casts = true
		return o, true
	}
	return operation{}, false
}

// finish is relu?(residual? + y).
func finish(y array, residual []array, rectify bool) array {
	for _, r := range residual {
		y = add(y, r)
	}
	if rectify {
		y = relu(y)
	}
	return y
}

// part is weight[:, from:to]; to = 0 means all of it.
func part(weight array, from, to int) array {
	if to == 0 {
		return weight
	}
	return slice(weight, 1, from, to)
}

func convBlock(c engine.ConvBlock, in []array) array {
	args := []array{in[0], part(in[1], c.From, c.To)}
	if c.Bias {
		args = append(args, in[2])
	}
	y := conv(c.Conv2D, args...)
	if c.Norm.On {
		y = frozenNorm(nn.FrozenBatchNorm2D{Eps: c.Norm.Eps, ScaleOnly: c.Norm.ScaleOnly}, y, in[c.NormAt():])
	}
	y = finish(y, in[c.ResidualAt():], c.Activation == engine.ReLU)
	if c.Activation == engine.HardSwish {
		return hardSwish(y)
	}
	return y
}

// beforeNorm is the gradient before a folded norm whose weight and variance
// are the inputs after the first two.
func beforeNorm(n engine.Norm, dy array, in []array) array {
	if !n.On {
		return dy
	}
	return frozenNormGrad(n.Eps, dy, in[2], in[3])
}

func convBlockGradInput(c engine.ConvBlockGradInput, in []array) array {
	return convGradInput(c.Conv2DGradInput, beforeNorm(c.Norm, in[0], in), part(in[1], c.From, c.To))
}

func convBlockGradWeight(c engine.ConvBlockGradWeight, in []array) array {
	return convGradWeight(c.Conv2DGradWeight, in[0], beforeNorm(c.Norm, in[1], in))
}
