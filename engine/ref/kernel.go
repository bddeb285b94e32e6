package ref

import (
	"fmt"
	"slices"

	"scalenet/engine"
	"scalenet/nn"
)

// operation is how an operation is computed and what it accepts beyond shapes.
type operation struct {
	least, most int            // number of inputs
	labels      int            // index of the int32 input, 0 for none
	whole       []engine.DType // of the inputs, where all are whole numbers
	moves       bool           // copies values, int32 too
	casts       bool           // any float type to any other
	// check looks at values that have a range; nil where none have.
	check func(in []array) error
	run   func(in []array) array
}

// of is an operation of exactly n inputs.
func of(n int, run func(in []array) array) operation {
	return operation{least: n, most: n, run: run}
}

// operationOf finds the operation in the families, one a file.
func operationOf(op nn.Op) (operation, bool) {
	families := []func(nn.Op) (operation, bool){
		convolution, linear, pool, resize, pictures, norm, elementwise, move, roiAlign, choice, loss, fused,
	}
	for _, family := range families {
		if o, ok := family(op); ok {
			return o, true
		}
	}
	return operation{}, false
}

// kernel is an operation at its tensors.
type kernel struct {
	op  nn.Op
	do  operation
	in  []engine.Tensor
	out engine.Tensor
}

// Run implements engine.Kernel.
func (k *kernel) Run() error {
	in := make([]array, len(k.in))
	for i, t := range k.in {
		in[i] = load(t)
	}
	if k.do.check != nil {
		if err := k.do.check(in); err != nil {
			return fmt.Errorf("ref: %T: %w", k.op, err)
		}
	}
	store(k.out, k.do.run(in))
	return nil
}

// Close implements engine.Kernel.
func (k *kernel) Close() {}

// fits checks the number, shapes, types and memory of inputs and output.
func (o operation) fits(op nn.Op, in []engine.Tensor, out engine.Tensor) error {
	if len(in) < o.least || len(in) > o.most {
		return fmt.Errorf("%d inputs, want %d to %d", len(in), o.least, o.most)
	}
	shapes := make([]nn.Shape, len(in))
	for i, t := range in {
		shapes[i] = t.Shape
	}
	want, err := op.OutShape(shapes)
	if err != nil {
		return err
	}
	if !slices.Equal(want, out.Shape) {
		return fmt.Errorf("output has shape %v, want %v", out.Shape, want)
	}
	for i, t := range in {
		if err := o.accepts(i, t.Type, out.Type); err != nil {
			return err
		}
	}
	for _, t := range append(slices.Clone(in), out) {
		if _, err := bytesOf(t.Mem, t.Bytes(), "use"); err != nil {
			return err
		}
	}
	return nil
}

// accepts checks the type of input i against that of the output.
func (o operation) accepts(i int, t, out engine.DType) error {
	isLabel := o.labels > 0 && i == o.labels
	switch {
	case i < len(o.whole):
		if t != o.whole[i] || out == engine.Int32 || out == engine.UInt8 {
			return fmt.Errorf("input %d is %v, the output %v", i, t, out)
		}
		return nil
	case o.moves && t == out:
		return nil
	case isLabel && t != engine.Int32:
		return fmt.Errorf("labels are %v, want %v", t, engine.Int32)
	case isLabel:
		return nil
	case t == engine.Int32 || t == engine.UInt8 || out == engine.Int32 || out == engine.UInt8:
		return fmt.Errorf("input %d is %v, the output %v: want floats", i, t, out)
	case !o.casts && (t == engine.Float64) != (out == engine.Float64):
		return fmt.Errorf("input %d is %v, the output %v: %v does not mix", i, t, out, engine.Float64)
	}
	return nil
}
