package engine

import (
	"fmt"
	"slices"
	"unsafe"

	"scalenet/nn"
)

// What devices check of what they are given.

// Descs are the descriptions of tensors.
func Descs(ts []Tensor) []Desc {
	d := make([]Desc, len(ts))
	for i, t := range ts {
		d[i] = t.Desc
	}
	return d
}

// CheckKernel says why an operation cannot be compiled on tensors: memory that the device does not own (owns says why not), shapes or types.
func CheckKernel(op nn.Op, in []Tensor, out Tensor, owns func(Tensor) error) error {
	if err := checkMemory(in, out, owns); err != nil {
		return err
	}
	return checkOperation(op, in, out)
}

// checkOperation compares the shapes of an operation's tensors with what it says, and their types with the roles it reads them in.
func checkOperation(op nn.Op, in []Tensor, out Tensor) error {
	shapes, roles := make([]nn.Shape, len(in)), make([]nn.Role, len(in))
	for i, t := range in {
		shapes[i], roles[i] = t.Shape, roleOf(t.Type)
	}
	want, err := op.OutShape(shapes)
	if err != nil {
		return err
	}
	if !want.Equal(out.Shape) {
		return fmt.Errorf("the output's shape is %v", want)
	}
	if _, moves := op.(nn.Mover); moves && !slices.ContainsFunc(in, func(t Tensor) bool { return t.Type != out.Type }) {
		return nil
	}
	read, made := nn.RolesOf(op, roles)
	if err := checkRole(made, out.Type); err != nil {
		return fmt.Errorf("the output: %w", err)
	}
	for i, t := range in {
		if err := checkRole(read[i], t.Type); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	return nil
}

// roleOf is what a tensor of a type can be.
func roleOf(t DType) nn.Role {
	switch t {
	case Int32:
		return nn.Index
	case UInt8:
		return nn.Byte
	}
	return nn.Activation
}

// checkRole says why values of a type cannot be read in a role.
func checkRole(role nn.Role, t DType) error {
	switch is := roleOf(t); role {
	case nn.Index, nn.Byte:
		if is != role {
			return fmt.Errorf("%v where %v is wanted", t, map[nn.Role]DType{nn.Index: Int32, nn.Byte: UInt8}[role])
		}
	default:
		if is != nn.Activation {
			return fmt.Errorf("%v where a float is wanted", t)
		}
	}
	return nil
}

// checkMemory says which input or output is not in memory that the device owns.
func checkMemory(in []Tensor, out Tensor, owns func(Tensor) error) error {
	for i, t := range in {
		if err := owns(t); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	if err := owns(out); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

// CheckType says which of the tensors has another type.
func CheckType(t DType, ts ...Tensor) error {
	for _, x := range ts {
		if x.Type != t {
			return fmt.Errorf("%v where %v is wanted", x.Desc, t)
		}
	}
	return nil
}

// CheckPart says why there is no such part of a block of memory.
func CheckPart(whole Memory, from, bytes int) error {
	if from < 0 || from%Alignment != 0 || bytes < 0 || bytes > whole.Bytes()-from {
		return fmt.Errorf("no part of %d bytes at %d in memory of %d; parts begin at multiples of %d", bytes, from, whole.Bytes(), Alignment)
	}
	return nil
}

// HostBytes sees a slice that Write and Read take as bytes.
func HostBytes(data any) ([]byte, error) {
	switch s := data.(type) {
	case []float32:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s)), nil
	case []float64:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 8*len(s)), nil
	case []int32:
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 4*len(s)), nil
	case []uint8:
		return s, nil
	}
	return nil, fmt.Errorf("%T is not a slice that a device holds", data)
}
