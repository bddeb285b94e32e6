package engine

import (
	"fmt"
	"reflect"

	"scalenet/nn"
)

// Kernels is a device's table of kernels: for each type of operation, the function that compiles it. C is the device's compiler type.
type Kernels[C Compiler] map[reflect.Type]Compilation[C]

// Compiler compiles one operation on its tensors.
type Compiler interface {
	// Owns says why the device cannot use a tensor's memory.
	Owns(t Tensor) error
	// Widen puts a float32 copy in the place of input i, which has a 16-bit type. Each run of the kernel begins with the copy.
	Widen(i int) error
}

// Compilation is how a device compiles an operation.
type Compilation[C Compiler] struct {
	Compile func(C) error
	// Mixed says that the kernel itself reads 16-bit activations for a float32 output. All others get float32 copies of such inputs.
	Mixed bool
}

// Add sets the function that compiles operations of the types of ops; their attributes are ignored. Add panics if a type is already in the table.
func (k Kernels[C]) Add(compile func(C) error, ops ...nn.Op) {
	k.add(Compilation[C]{Compile: compile}, ops)
}

// AddMixed is Add for kernels that are Mixed.
func (k Kernels[C]) AddMixed(compile func(C) error, ops ...nn.Op) {
	k.add(Compilation[C]{Compile: compile, Mixed: true}, ops)
}

func (k Kernels[C]) add(c Compilation[C], ops []nn.Op) {
	for _, op := range ops {
		t := reflect.TypeOf(op)
		if _, twice := k[t]; twice {
			panic(fmt.Sprintf("engine: %v is in the table of kernels twice", t))
		}
		k[t] = c
	}
}

// Compile checks memory, shapes and types of an operation's tensors, then compiles the operation as the table says.
func (k Kernels[C]) Compile(c C, op nn.Op, in []Tensor, out Tensor) error {
	if err := CheckKernel(op, in, out, c.Owns); err != nil {
		return err
	}
	entry, ok := k[reflect.TypeOf(op)]
	if !ok {
		return NoKernel(op)
	}
	if out.Type == Float32 && !entry.Mixed {
		if err := WidenAll(c, in); err != nil {
			return err
		}
	}
	return entry.Compile(c)
}

// WidenAll replaces all inputs of a 16-bit type by float32 copies.
func WidenAll(c Compiler, in []Tensor) error {
	for i, t := range in {
		if !t.Type.Is16Bit() {
			continue
		}
		if err := c.Widen(i); err != nil {
			return err
		}
	}
	return nil
}

// NoKernel returns the error of a device that has no kernel for the operation.
func NoKernel(op nn.Op) error { return fmt.Errorf("no kernel for %T", op) }
