package engine

import (
	"math"

	"scalenet/nn"
)

// QuantizedWeight is a ConvBlock's weight, folded with its norm, in integers.
type QuantizedWeight struct {
	Values []int8    // (output channels, kernel height, kernel width, input channels)
	Scale  []float64 // per output channel
	Sum    []int32   // of the values of an output channel
	Bias   []float64
}

// QuantizeWeight rounds the folded weight of a block to integers: of two nearest the even one. The largest magnitude of an output channel becomes
// 127. params are the values of the block's inputs from the weight on, without the residual; shape is the weight's.
func QuantizeWeight(b ConvBlock, shape nn.Shape, params [][]float32) QuantizedWeight {
	from, to := b.From, b.To
	if to == 0 {
		to = shape[1]
	}
	taps, ins := shape[2]*shape[3], to-from
	q := QuantizedWeight{make([]int8, shape[0]*taps*ins), make([]float64, shape[0]), make([]int32, shape[0]), make([]float64, shape[0])}
	for o := range shape[0] {
		fold, bias := b.fold(o, params)
		of := params[0][o*shape[1]*taps : (o+1)*shape[1]*taps][from*taps : to*taps]
		largest := 0.0
		for _, v := range of {
			largest = max(largest, math.Abs(float64(v)*fold))
		}
		q.Scale[o], q.Bias[o] = largest/127, bias
		if largest == 0 {
			continue
		}
		for i, v := range of {
			r := int8(math.RoundToEven(float64(v) * fold / largest * 127))
			q.Values[(o*taps+i%taps)*ins+i/taps] = r
			q.Sum[o] += int32(r)
		}
	}
	return q
}

// fold is what the norm multiplies an output channel's weights with, and the constant of the channel.
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

// Factors are the per-channel factors of a sum of products and the constants, in units of Y, as Int8Conv's definition uses them.
func (c Int8Conv) Factors(w QuantizedWeight) (factor, constant []float32) {
	factor, constant = make([]float32, len(w.Scale)), make([]float32, len(w.Scale))
	for i, s := range w.Scale {
		factor[i] = float32(float64(c.X.Scale) * s / c.Y.scale())
		constant[i] = float32(w.Bias[i] / c.Y.scale())
	}
	return factor, constant
}
