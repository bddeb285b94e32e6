package ref

import (
	"scalenet/engine"
	"scalenet/nn"
)

// integer computes the operations on bytes as package engine defines them: unlike the other operations, in float32 where that is the definition.
func integer(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case engine.Quantize:
		return of(func(in []array) array {
			return each(in[0], func(v float32) float32 { return float32(op.To.Byte(v * op.To.Inverse())) })
		}), true
	case engine.Dequantize:
		return of(func(in []array) array {
			return each(in[0], func(v float32) float32 { return op.From.Value(uint8(v)) * op.From.Scale })
		}), true
	case engine.MaxPoolBytes:
		return of(func(in []array) array { return maxPool(op.MaxPool2D, in[0]) }), true
	case engine.Int8Conv:
		return of(func(in []array) array { return int8Conv(op, in) }), true
	case engine.Int8Linear:
		return of(func(in []array) array {
			n, w := in[0].shape[0], in[1].shape
			image := []array{{shape: nn.Shape{1, n, 1, w[1]}, data: in[0].data}, {shape: nn.Shape{w[0], w[1], 1, 1}, data: in[1].data}}
			y := int8Conv(op.Conv(), append(image, in[2:]...))
			return array{shape: nn.Shape{n, w[0]}, data: y.data}
		}), true
	case engine.Int8ConvSum:
		conv, _ := op.Split()
		return of(func(in []array) array {
			y := int8Conv(op.Conv, in[:conv])
			return int8Resize(op.Resize, append(in[conv:len(in):len(in)], y))
		}), true
	case engine.Int8Resize:
		return of(func(in []array) array { return int8Resize(op, in) }), true
	}
	return operation{}, false
}

// each applies a float32 function to all values.
func each(x array, f func(float32) float32) array {
	y := zerosLike(x)
	for i, v := range x.data {
		y.data[i] = float64(f(float32(v)))
	}
	return y
}

// int8Conv convolves integers, whose sums are exact in float64.
func int8Conv(c engine.Int8Conv, in []array) array {
	in, scales := in[:len(in)-1], singles(in[len(in)-1])
	params := make([][]float32, c.Block.ResidualAt()-1)
	for i := range params {
		params[i] = singles(in[1+i])
	}
	factor, constant := c.Factors(scales, params)
	w := each(in[1], func(v float32) float32 { return v - nn.WeightZero })
	shape := w.shape
	y := conv(c.Block.Conv2D, each(in[0], func(v float32) float32 { return c.X.Value(uint8(v)) }), w)
	for i := range y.data {
		o := i % shape[0]
		v := engine.FMA(float32(y.data[i]), factor[o], constant[o])
		y.data[i] = finishBytes(v, in[c.Block.ResidualAt():], i, c.Residual, c.Y, c.Block.Activation == engine.ReLU)
	}
	return y
}

// finishBytes adds the residual, rectifies, and rounds to a byte if y is one.
func finishBytes(v float32, residual []array, i int, r, y engine.Quant, rectify bool) float64 {
	for _, from := range residual {
		at := float32(from.data[i])
		if r.On() {
			at = r.Value(uint8(at))
		}
		v = engine.FMA(at, r.Per(y), v)
	}
	if rectify && v < 0 {
		v = 0
	}
	if y.On() {
		return float64(y.Byte(v))
	}
	return float64(v)
}

func int8Resize(r engine.Int8Resize, in []array) array {
	op, count := r.Block.Resize2D, r.Block.ResidualAt()
	rows, columns := make([][][]engine.Tap, count), make([][][]engine.Tap, count)
	for i, x := range in[:count] {
		rows[i], columns[i] = engine.Taps(x.shape[1], op.Height, op.Mode), engine.Taps(x.shape[2], op.Width, op.Mode)
	}
	y := zeros(in[0].shape[0], op.Height, op.Width, in[0].shape[3])
	for at := range positions(y) {
		for c := range y.shape[3] {
			v := float32(0)
			for i, x := range in[:count] {
				t := float32(0)
				for _, row := range rows[i][at.h] {
					for _, column := range columns[i][at.w] {
						from := float32(x.pixel(at.n, row.Index, column.Index)[c])
						if r.X[i].On() {
							from = r.X[i].Value(uint8(from))
						}
						t = engine.FMA(row.Weight*column.Weight, from, t)
					}
				}
				v = engine.FMA(t, r.X[i].Per(r.Y), v)
			}
			i := at.i*y.shape[3] + c
			y.data[i] = finishBytes(v, in[count:], i, r.Residual, r.Y, r.Block.ReLU)
		}
	}
	return y
}
