package optest

import (
	"fmt"

	"scalenet/engine"
	"scalenet/nn"
)

// The Quants of cases: of values that are not negative, and of others.
var (
	unsigned = engine.Quant{Scale: 0.0173}
	signed   = engine.Quant{Scale: 0.0091, Zero: engine.SignedZero}
)

// onBytes reports whether an operation is one that devices need for quantized networks only.
func onBytes(op nn.Op) bool {
	switch op.(type) {
	case engine.Quantize, engine.Dequantize, engine.MaxPoolBytes, engine.Int8Conv, engine.Int8ConvSum, engine.Int8Linear, engine.Int8Resize:
		return true
	}
	return false
}

// octets is an input of bytes of all values.
func octets(shape ...int) Input {
	return Input{Shape: shape, Fill: Fill{Kind: Bytes}, Type: engine.UInt8}
}

// byteWeight is a weight of bytes of all values.
func byteWeight(shape ...int) Input {
	in := octets(shape...)
	in.Param = true
	return in
}

// scales are those of the output channels of a weight of bytes.
func scales(channels int) Input {
	return Input{Shape: nn.Shape{channels}, Fill: Fill{Kind: Uniform, High: 1. / 127}, Param: true}
}

// residualOf is an input that is added to a result, or resized: bytes, or floats if the Quant is not On.
func residualOf(q engine.Quant, shape ...int) Input {
	if q.On() {
		return octets(shape...)
	}
	return feature(shape...)
}

// integers are the operations on bytes. Their results are exact: the same bits.
func integers() (cases []Case) {
	ends := []engine.Quant{{}, unsigned, signed}
	for _, x := range []nn.Shape{{1}, {3, 5}, {2, 5, 3, 17}, {1, 20, 20, 64}} {
		for _, q := range ends[1:] {
			name := fmt.Sprintf("zero%d/%s", q.Zero, side(x))
			wide := filled(Fill{Kind: Uniform, Low: -3, High: 6}, x...) // beyond the range of bytes, too
			cases = append(cases,
				Case{Name: "Quantize/" + name, Op: engine.Quantize{To: q}, In: []Input{wide}, Tolerance: Exact},
				Case{Name: "Quantize/ties/" + name, Op: engine.Quantize{To: engine.Quant{Scale: 2, Zero: q.Zero}}, Tolerance: Exact,
					In: []Input{filled(Fill{Kind: Labels, Classes: 600}, x...)}},
				Case{Name: "Dequantize/" + name, Op: engine.Dequantize{From: q}, In: []Input{octets(x...)}, Tolerance: Exact})
		}
	}
	for _, s := range []struct {
		kernel, stride, pad int
		x                   nn.Shape
	}{{2, 2, 0, nn.Shape{2, 7, 5, 17}}, {3, 2, 1, nn.Shape{2, 8, 9, 64}}, {3, 1, 1, nn.Shape{1, 1, 6, 1}}, {4, 4, 0, nn.Shape{1, 13, 8, 9}}} {
		cases = append(cases, Case{Name: fmt.Sprintf("MaxPoolBytes/k%ds%dp%d/%s", s.kernel, s.stride, s.pad, side(s.x)),
			Op: engine.MaxPoolBytes{MaxPool2D: nn.MaxPool2D{Kernel: s.kernel, Stride: s.stride, Pad: s.pad}}, In: []Input{octets(s.x...)}, Tolerance: Exact})
	}
	for i, s := range append(convSettings(), convSetting{1, 5, 5, 300, 70, 3, nn.Conv2D{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}}) {
		if s.Groups > 1 {
			continue
		}
		for j, y := range ends {
			b := engine.ConvBlock{Conv2D: s.Conv2D, Norm: engine.Norm{On: true, Eps: blockEps, ScaleOnly: i%5 == 4}, Residual: (i+j)%2 == 0}
			if i%4 == 3 {
				b.Norm, b.Bias = engine.Norm{}, i%8 == 3
			}
			if y.Zero == 0 {
				b.Activation = engine.ReLU
			}
			c := engine.Int8Conv{Block: b, X: ends[1+(i+j)%2], Y: y}
			if b.Residual {
				c.Residual = ends[(i/2)%3]
			}
			cases = append(cases, int8Conv(s, c, s.in))
		}
	}
	for _, n := range [][3]int{{1, 1, 1}, {3, 62, 195}, {5, 256, 17}, {64, 30, 70}} {
		for _, bias := range []bool{false, true} {
			in := []Input{octets(n[0], n[1]), byteWeight(n[2], n[1])}
			if bias {
				in = append(in, weight(n[2]))
			}
			in = append(in, scales(n[2]))
			cases = append(cases, Case{Name: fmt.Sprintf("Int8Linear/%dx%d-%d%s", n[0], n[1], n[2], when(bias, "+bias")),
				Op: engine.Int8Linear{Bias: bias, X: signed}, In: in, Tolerance: Exact})
		}
	}
	return append(append(cases, int8Resizes()...), int8Sums()...)
}

func int8Conv(s convSetting, c engine.Int8Conv, channels int) Case {
	in := []Input{octets(s.n, s.h, s.w, s.in)}
	in = append(in, convBlock(s, c.Block, channels).In[1:c.Block.ResidualAt()]...)
	w := in[1].Shape
	in[1] = byteWeight(w...)
	if c.Block.Residual {
		in = append(in, residualOf(c.Residual, s.dy().Shape...))
	}
	in = append(in, scales(w[0]))
	// The sum of so many products of random bytes is about this large.
	if c.Y.On() {
		c.Y.Scale *= 8
	}
	return Case{Name: fmt.Sprintf("Int8Conv/%v/x%d-y%s%s", s, c.X.Zero, held(c.Y), when(c.Block.Residual, "+residual"+held(c.Residual))), Op: c, In: in, Tolerance: Exact}
}

// int8Sums are convolutions whose end adds pixels of smaller tensors, as floats or as bytes.
func int8Sums() (cases []Case) {
	ends := []engine.Quant{{}, unsigned, signed}
	for i, s := range []convSetting{
		{2, 12, 9, 20, 17, 1, nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}}, {1, 28, 28, 64, 70, 1, nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}},
		{2, 14, 14, 9, 33, 3, nn.Conv2D{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}},
	} {
		for j, y := range ends {
			for count := 1; count <= 3; count++ {
				b := engine.ConvBlock{Conv2D: s.Conv2D, Norm: engine.Norm{On: true, Eps: blockEps}, Residual: (i+j+count)%2 == 0}
				conv := engine.Int8Conv{Block: b, X: ends[1+(i+j)%2]}
				if b.Residual {
					conv.Residual = ends[(j+count)%3]
				}
				c := int8Conv(s, conv, s.in)
				r := engine.Int8Resize{Block: engine.ResizeBlock{Resize2D: nn.Resize2D{Height: s.h, Width: s.w, Mode: nn.Nearest}, More: count - 1, Residual: true,
					ReLU: y.Zero == 0}, Y: y}
				if r.Y.On() {
					r.Y.Scale *= 8
				}
				for k := range count {
					if (j+count)%2 == 0 {
						r.X[k] = ends[1+(k+j)%2]
					}
					c.In = append(c.In, residualOf(r.X[k], s.n, (s.h+k)/(k+1), max(s.w/(k+2), 1), s.out))
				}
				c.Op = engine.Int8ConvSum{Conv: conv, Resize: r}
				c.Name = fmt.Sprintf("Int8ConvSum/%d%s", count, c.Name[len("Int8Conv"):]) + "-y" + held(y) + when(r.X[0].On(), "/bytes")
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// held says how a tensor is held: "f32", or the zero of its bytes.
func held(q engine.Quant) string {
	if !q.On() {
		return "f32"
	}
	return fmt.Sprint(q.Zero)
}

func int8Resizes() (cases []Case) {
	ends := []engine.Quant{{}, unsigned, signed}
	for _, mode := range []nn.ResizeMode{nn.Nearest, nn.Bilinear} {
		for i, sides := range [][]int{{14}, {14, 7}, {14, 7, 4}, {28, 9}, {5, 30}} {
			for j, y := range ends {
				b := engine.ResizeBlock{Resize2D: nn.Resize2D{Height: 28, Width: 28, Mode: mode}, More: len(sides) - 1, Residual: (i+j)%2 == 1, ReLU: y.Zero == 0}
				r := engine.Int8Resize{Block: b, Y: y}
				var in []Input
				floats := i%2 == 1 && j > 0 // sources; the result is bytes
				for k, s := range sides {
					if !floats {
						r.X[k] = ends[1+(k+j)%2]
					}
					in = append(in, residualOf(r.X[k], 2, s, s, 70))
				}
				if b.Residual {
					r.Residual = ends[(i+1)%3]
					in = append(in, residualOf(r.Residual, 2, 28, 28, 70))
				}
				cases = append(cases, Case{Name: fmt.Sprintf("Int8Resize/%s/sum%v%s-y%s%s", mode, side(sides), when(floats, "f32"), held(y),
					when(b.Residual, "+residual"+held(r.Residual))), Op: r, In: in, Tolerance: Exact})
			}
		}
	}
	return cases
}
