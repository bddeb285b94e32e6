package optest

import (
	"fmt"
	"slices"

	"scalenet/engine"
	"scalenet/nn"
)

// Tolerance is a class of differences from the oracle, as a part of the
// output's scale.
type Tolerance string

const (
	// Exact is for operations that move or choose values: no difference.
	Exact Tolerance = "exact"
	// Rounded is for a few roundings a value: 1e-6, in bfloat16 1/128, in float16 1/1024.
	Rounded Tolerance = "rounded"
	// Summed is for sums, in any order: 1e-5, in bfloat16 1/64, in float16 1/512.
	Summed Tolerance = "summed"
)

// Of is the part of the scale that results may differ by with features of the type.
func (t Tolerance) Of(features engine.DType) float64 {
	if t == Exact {
		return 0
	}
	rounded, summed := 1e-6, 1e-5
	switch features {
	case engine.BFloat16:
		rounded, summed = 1./128, 1./64
	case engine.Float16:
		rounded, summed = 1./1024, 1./512
	}
	if t == Rounded {
		return rounded
	}
	return summed
}

// Input describes an input of a case.
type Input struct {
	Shape nn.Shape
	Fill  Fill
	// Param marks a parameter: it has its Type, float32 or bytes, whatever the features, and its tensor may count its
	// changes. Labels are int32 by their fill.
	Param bool
	// Type is Float32 unless the operation wants another one, whatever the features.
	Type engine.DType `json:",omitempty"`
}

// Case is an operation at shapes and values.
type Case struct {
	Name      string // unique, without spaces
	Op        nn.Op
	In        []Input
	Tolerance Tolerance
	// Rows says that each row of the output (its first dimension) has a scale
	// of its own.
	Rows bool
}

// Values makes the values of input i. Another variant has other ones.
func (c Case) Values(i int, variant string) []float64 {
	in := c.In[i]
	return in.Fill.Make(in.Shape.TotalSize(), Seed(fmt.Sprintf("%s/%d%s", c.Name, i, variant)))
}

// OutShape is the shape of the result; a case that has none is a mistake in
// the table, and a panic.
func (c Case) OutShape() nn.Shape {
	shapes := make([]nn.Shape, len(c.In))
	for i, in := range c.In {
		shapes[i] = in.Shape
	}
	s, err := c.Op.OutShape(shapes)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", c.Name, err))
	}
	return s
}

// Cases is the table.
func Cases() []Case {
	return slices.Concat(
		convolutions(), linears(), pools(), resizes(), preprocess(), norms(), elementwise(), moves(),
		regions(), choices(), losses(), convBlocks(), otherBlocks(), integers(),
	)
}

// feature is an input with uniform values in [-1, 1).
func feature(shape ...int) Input {
	return Input{Shape: shape, Fill: Fill{Kind: Uniform, Low: -1, High: 1}}
}

// filled is an input with the given fill.
func filled(f Fill, shape ...int) Input { return Input{Shape: shape, Fill: f} }

// weight is a parameter in [-1, 1).
func weight(shape ...int) Input {
	in := feature(shape...)
	in.Param = true
	return in
}

// positive is a parameter in [0.5, 2): a variance.
func positive(shape ...int) Input {
	return Input{Shape: shape, Fill: Fill{Kind: Uniform, Low: 0.5, High: 2}, Param: true}
}

// side is "2x8x7x9" for a shape.
func side(shape nn.Shape) string {
	s := ""
	for i, d := range shape {
		if i > 0 {
			s += "x"
		}
		s += fmt.Sprint(d)
	}
	return s
}

// when is the text if on, else nothing.
func when(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

// roles are those in which the operation reads the inputs, and that of its output.
func (c Case) roles() (read []nn.Role, out nn.Role) {
	in := make([]nn.Role, len(c.In))
	for i, input := range c.In {
		switch {
		case input.Type == engine.Int32:
			in[i] = nn.Index
		case input.Type == engine.UInt8:
			in[i] = nn.Byte
		case input.Param:
			in[i] = nn.Parameter
		default:
			in[i] = nn.Activation
		}
	}
	return nn.RolesOf(c.Op, in)
}

// isLabel says whether input i of a case holds labels or other integers.
func isLabel(c Case, i int) bool {
	read, _ := c.roles()
	return read[i] == nn.Index
}
