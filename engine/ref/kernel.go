package ref

import (
	"fmt"

	"scalenet/engine"
	"scalenet/nn"
)

// operation is how an operation is computed and what it accepts beyond shapes and roles.
type operation struct {
	casts bool // any float type to any other
	// check looks at values that have a range; nil where none have.
	check func(in []array) error
	run   func(in []array) array
}

// of is an operation that accepts all values.
func of(run func(in []array) array) operation { return operation{run: run} }

// operationOf finds the operation in the families, one a file.
func operationOf(op nn.Op) (operation, bool) {
	families := []func(nn.Op) (operation, bool){
		convolution, linear, pool, resize, preprocess, norm, elementwise, move, roiAlign, choice, loss, fused, integer,
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

// fits checks shapes, types and memory of inputs and output.
func (o operation) fits(op nn.Op, in []engine.Tensor, out engine.Tensor) error {
	owns := func(t engine.Tensor) error {
		_, err := bytesOf(t.Mem, t.Bytes(), "use")
		return err
	}
	if err := engine.CheckKernel(op, in, out, owns); err != nil {
		return err
	}
	for i, t := range in {
		integers := t.Type == engine.Int32 || t.Type == engine.UInt8
		if !o.casts && !integers && (t.Type == engine.Float64) != (out.Type == engine.Float64) {
			return fmt.Errorf("input %d is %v, the output %v: %v does not mix", i, t.Type, out.Type, engine.Float64)
		}
	}
	return nil
}
