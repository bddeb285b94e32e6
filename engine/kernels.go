package engine

import (
	"fmt"
	"reflect"

	"scalenet/nn"
)

// Kernels is a device's table of kernels: how it compiles each operation. C is the device's compiler of one operation, such as *compiler.
type Kernels[C any] map[reflect.Type]Compilation[C]

// Compilation is how a device compiles an operation.
type Compilation[C any] struct {
	Compile func(C) error
	// Mixed says that the kernel itself reads 16-bit activations for a float32 output. All others get float32 copies of such inputs.
	Mixed bool
}

// Add enters what compiles operations of the given ones' types; their attributes do not count. An operation that is entered twice is a
// mistake in the table, and a panic.
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

// Find is the entry of an operation.
func (k Kernels[C]) Find(op nn.Op) (Compilation[C], error) {
	c, ok := k[reflect.TypeOf(op)]
	if !ok {
		return c, fmt.Errorf("this operation has no kernel")
	}
	return c, nil
}
