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

// CheckShapes compares the shapes of an operation's tensors with what it says.
func CheckShapes(op nn.Op, in []Tensor, out Tensor) error {
	shapes := make([]nn.Shape, len(in))
	for i, t := range in {
		shapes[i] = t.Shape
	}
	want, err := op.OutShape(shapes)
	if err != nil {
		return err
	}
	if !slices.Equal(want, out.Shape) {
		return fmt.Errorf("the output's shape is %v", want)
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
