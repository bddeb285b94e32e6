package engine

import (
	"cmp"
	"errors"
	"fmt"

	"scalenet/nn"
)

// The operations below compute on bytes. quantize.go puts them in the place of float operations. Their results are defined to the last bit:
// sums of products are integers, all that follows is a chain of FMA in float32, and bytes are rounded by Quant.Byte.

// Quantize rounds a float32 tensor to bytes: Byte(x * Inverse).
type Quantize struct{ To Quant }

// OutShape implements nn.Op.
func (q Quantize) OutShape(in []nn.Shape) (nn.Shape, error) { return oneShape(q.To, in) }

// Roles implements nn.Roler.
func (Quantize) Roles(n int) ([]nn.Role, nn.Role) { return nn.Reads(n, nn.Full), nn.Byte }

// Dequantize is the float32 values of bytes: Value(q) * Scale.
type Dequantize struct{ From Quant }

// OutShape implements nn.Op.
func (d Dequantize) OutShape(in []nn.Shape) (nn.Shape, error) { return oneShape(d.From, in) }

// Roles implements nn.Roler.
func (Dequantize) Roles(n int) ([]nn.Role, nn.Role) { return nn.Reads(n, nn.Byte), nn.Full }

func oneShape(q Quant, in []nn.Shape) (nn.Shape, error) {
	if err := cmp.Or(wantInputs(in, 1), q.Check()); err != nil {
		return nil, err
	}
	return in[0].Clone(), nil
}

// MaxPoolBytes is a max pool of bytes, whose scale stays.
type MaxPoolBytes struct{ MaxPool2D nn.MaxPool2D }

// OutShape implements nn.Op.
func (p MaxPoolBytes) OutShape(in []nn.Shape) (nn.Shape, error) { return p.MaxPool2D.OutShape(in) }

// Roles implements nn.Roler.
func (MaxPoolBytes) Roles(n int) ([]nn.Role, nn.Role) { return nn.Reads(n, nn.Byte), nn.Byte }

// Int8Conv is a ConvBlock of bytes. Its weight is bytes, too, whose scales of the output channels are one more input, the last: see [nn.Part]. With
// sum the integer sum of products of x - Zero and weights - nn.WeightZero, and the factors and constants that [Int8Conv.Factors] returns:
//
//	v = FMA(sum, factor, constant); v = FMA(residual - Zero, residual scale, v); relu; Byte(v)
//
// A residual or an output whose Quant is not On is float32.
type Int8Conv struct {
	Block          ConvBlock
	X, Residual, Y Quant
}

// OutShape implements nn.Op.
func (c Int8Conv) OutShape(in []nn.Shape) (nn.Shape, error) {
	if c.Block.To > 0 {
		return nil, errors.New("a part of a weight: want the bytes of the part")
	}
	if c.Block.Conv2D.Groups != 1 || (c.Block.Activation != "" && c.Block.Activation != ReLU) {
		return nil, fmt.Errorf("%d groups and activation %q: want 1 and none or %q", c.Block.Conv2D.Groups, c.Block.Activation, ReLU)
	}
	if err := cmp.Or(c.X.Check(), checkIf(c.Residual), checkIf(c.Y)); err != nil {
		return nil, err
	}
	return withScales(c.Block, in)
}

// withScales is the result's shape of a layer whose last input has one value per output channel.
func withScales(layer nn.Op, in []nn.Shape) (nn.Shape, error) {
	last := max(len(in)-1, 0)
	out, err := layer.OutShape(in[:last])
	if err == nil && !in[last].Equal(in[1][:1]) {
		err = fmt.Errorf("scales of shape %v for a weight of shape %v", in[last], in[1])
	}
	return out, err
}

// Roles implements nn.Roler.
func (c Int8Conv) Roles(n int) ([]nn.Role, nn.Role) {
	in := nn.Reads(n, nn.Byte, nn.Byte)
	if at := c.Block.ResidualAt(); c.Block.Residual && at < n {
		in[at] = roleIn(c.Residual)
	}
	return in, roleIn(c.Y)
}

// InPlace implements nn.InPlacer.
func (c Int8Conv) InPlace() []int { return c.Block.InPlace() }

// Int8Linear is a linear layer of bytes, with a float32 result: (N, in) bytes, weight (out, in) of bytes, bias (out) if Bias, the weight's scales (out)
// -> (N, out), computed as by the 1x1 Int8Conv that Conv returns.
type Int8Linear struct {
	Bias bool
	X    Quant
}

// OutShape implements nn.Op.
func (l Int8Linear) OutShape(in []nn.Shape) (nn.Shape, error) {
	if err := cmp.Or(wantInputs(in, 3+count(l.Bias, 1)), l.X.Check()); err != nil {
		return nil, err
	}
	return withScales(nn.Linear{}, in)
}

// Roles implements nn.Roler.
func (Int8Linear) Roles(n int) ([]nn.Role, nn.Role) { return nn.Reads(n, nn.Byte, nn.Byte), nn.Full }

// Conv is the convolution of an image of N rows and one column that equals the layer.
func (l Int8Linear) Conv() Int8Conv {
	return Int8Conv{Block: ConvBlock{Conv2D: nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}, Bias: l.Bias}, X: l.X}
}

// Int8Resize is a ResizeBlock of bytes. In units of Y, with the interpolation weights of [Taps]:
//
//	t = FMA(row weight * column weight, x - Zero, t) for the taps of an input; v = FMA(t, scale, v) for the inputs;
//	v = FMA(residual - Zero, residual scale, v); relu; Byte(v)
//
// A residual or an output whose Quant is not On is float32. The resized inputs are all bytes or all float32.
type Int8Resize struct {
	Block       ResizeBlock
	X           [maxResizes]Quant // of the resized inputs
	Residual, Y Quant
}

// OutShape implements nn.Op.
func (r Int8Resize) OutShape(in []nn.Shape) (nn.Shape, error) {
	if r.Block.More >= maxResizes {
		return nil, fmt.Errorf("%d inputs to resize, at most %d", r.Block.More+1, maxResizes)
	}
	for _, q := range r.X[:r.Block.More+1] {
		if q.On() != r.X[0].On() {
			return nil, errors.New("bytes and floats to resize")
		}
		if err := checkIf(q); err != nil {
			return nil, err
		}
	}
	if err := cmp.Or(checkIf(r.Residual), checkIf(r.Y)); err != nil {
		return nil, err
	}
	return r.Block.OutShape(in)
}

// Roles implements nn.Roler.
func (r Int8Resize) Roles(n int) ([]nn.Role, nn.Role) {
	in := make([]nn.Role, n)
	for i := range in {
		in[i] = roleIn(r.X[0])
	}
	if at := r.Block.ResidualAt(); r.Block.Residual && at < n {
		in[at] = roleIn(r.Residual)
	}
	return in, roleIn(r.Y)
}

// InPlace implements nn.InPlacer.
func (r Int8Resize) InPlace() []int { return r.Block.InPlace() }

// roleIn is the role of a tensor that is bytes or float32.
func roleIn(q Quant) nn.Role {
	if q.On() {
		return nn.Byte
	}
	return nn.Full
}

// checkIf checks a Quant if it is On.
func checkIf(q Quant) error {
	if !q.On() {
		return nil
	}
	return q.Check()
}
