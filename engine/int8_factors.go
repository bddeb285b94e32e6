package engine

import "math"

// Factors are the per-channel factors of a sum of products and the constants, in units of Y, as Int8Conv's definition uses them. scales are those of the
// weight. params are the values of the block's inputs from the weight on, without the residual, of which the weight's are not read.
func (c Int8Conv) Factors(scales []float32, params [][]float32) (factors, constants []float32) {
	factors, constants = make([]float32, len(scales)), make([]float32, len(scales))
	for o, s := range scales {
		fold, bias := c.Block.fold(o, params)
		factors[o] = float32(float64(c.X.Scale) * float64(s) * fold / c.Y.scale())
		constants[o] = float32(bias / c.Y.scale())
	}
	return factors, constants
}

// fold is what the norm multiplies an output channel's sum with, and the constant of the channel.
func (b ConvBlock) fold(o int, params [][]float32) (scale, bias float64) {
	scale = 1
	if b.Norm.On {
		n := params[b.NormAt()-1:]
		scale = float64(n[0][o]) / math.Sqrt(float64(n[3][o])+b.Norm.Eps)
		if !b.Norm.ScaleOnly {
			bias = float64(n[1][o]) - float64(n[2][o])*scale
		}
	}
	if b.Bias {
		bias += float64(params[1][o]) * scale
	}
	return scale, bias
}
