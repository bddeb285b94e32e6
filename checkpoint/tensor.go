package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Info describes a tensor without its data. A nil or empty Shape is a scalar.
type Info struct {
	Name  string
	DType DType
	Shape []int
}

// Tensor is a named array in row-major order. Data holds its elements as
// little-endian bytes, len(Data) = product(Shape) * DType.Size().
type Tensor struct {
	Info
	Data []byte
}

// Float32Tensor copies values into an F32 tensor. It panics when their number
// is not the product of shape: the caller has both in hand.
func Float32Tensor(name string, shape []int, values []float32) Tensor {
	mustHold(name, shape, len(values))
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return Tensor{Info{name, F32, slices.Clone(shape)}, data}
}

// Int64Tensor copies values into an I64 tensor; it panics as [Float32Tensor].
func Int64Tensor(name string, shape []int, values []int64) Tensor {
	mustHold(name, shape, len(values))
	data := make([]byte, 8*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint64(data[8*i:], uint64(v))
	}
	return Tensor{Info{name, I64, slices.Clone(shape)}, data}
}

func mustHold(name string, shape []int, n int) {
	if want, ok := elements(shape); !ok || want != n {
		panic(fmt.Sprintf("checkpoint: tensor %q of shape %v made from %d values", name, shape, n))
	}
}

// Len is the number of elements.
func (i Info) Len() int {
	n, _ := elements(i.Shape)
	return n
}

// Float32s returns the elements as float32: exact from F32, F16, BF16, U8 and
// BOOL (0 or 1), rounded from F64, I64 and I32.
func (t Tensor) Float32s() ([]float32, error) {
	out := make([]float32, t.Len())
	if err := t.CopyFloat32s(out); err != nil {
		return nil, err
	}
	return out, nil
}

// CopyFloat32s is [Tensor.Float32s] into memory of the caller; dst must have
// exactly as many elements as the tensor.
func (t Tensor) CopyFloat32s(dst []float32) error {
	if err := t.check(); err != nil {
		return err
	}
	if len(dst) != t.Len() {
		return fmt.Errorf("tensor %q has %d elements, the destination %d", t.Name, t.Len(), len(dst))
	}
	le, data := binary.LittleEndian, t.Data
	if t.DType == F32 { // the usual one, in a loop of its own
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(data[4*i:]))
		}
		return nil
	}
	for i := range dst {
		switch t.DType {
		case F64:
			dst[i] = float32(math.Float64frombits(le.Uint64(data[8*i:])))
		case F16:
			dst[i] = halfToFloat(le.Uint16(data[2*i:]))
		case BF16:
			dst[i] = bfloatToFloat(le.Uint16(data[2*i:]))
		case I64:
			dst[i] = float32(int64(le.Uint64(data[8*i:])))
		case I32:
			dst[i] = float32(int32(le.Uint32(data[4*i:])))
		case U8:
			dst[i] = float32(data[i])
		case Bool:
			dst[i] = float32(min(data[i], 1))
		}
	}
	return nil
}

// Int64s returns the elements of an I64, I32, U8 or BOOL tensor.
func (t Tensor) Int64s() ([]int64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	le, out := binary.LittleEndian, make([]int64, t.Len())
	for i := range out {
		switch t.DType {
		case I64:
			out[i] = int64(le.Uint64(t.Data[8*i:]))
		case I32:
			out[i] = int64(int32(le.Uint32(t.Data[4*i:])))
		case U8, Bool:
			out[i] = int64(t.Data[i])
		default:
			return nil, fmt.Errorf("tensor %q is %s, not integers", t.Name, t.DType)
		}
	}
	return out, nil
}

// Convert returns the tensor as F32, F16 or BF16. Tensors that are no
// floating-point numbers, and those that have the type already, are returned
// as they are.
func (t Tensor) Convert(to DType) (Tensor, error) {
	if to != F32 && to != F16 && to != BF16 {
		return Tensor{}, fmt.Errorf("tensor %q: conversion to %q; only F32, F16 and BF16 are offered", t.Name, to)
	}
	if t.DType == to || !t.DType.IsFloat() {
		return t, nil
	}
	values, err := t.Float32s()
	if err != nil {
		return Tensor{}, err
	}
	if to == F32 {
		return Float32Tensor(t.Name, t.Shape, values), nil
	}
	narrow := floatToBFloat
	if to == F16 {
		narrow = floatToHalf
	}
	data := make([]byte, 2*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint16(data[2*i:], narrow(v))
	}
	return Tensor{Info{t.Name, to, slices.Clone(t.Shape)}, data}, nil
}

// check holds dtype, shape and data against each other.
func (t Tensor) check() error {
	want, err := t.bytes()
	if err != nil {
		return err
	}
	if want != len(t.Data) {
		return fmt.Errorf("tensor %q: %s %v takes %d bytes, but has %d", t.Name, t.DType, t.Shape, want, len(t.Data))
	}
	return nil
}

// bytes is the size that dtype and shape ask for.
func (i Info) bytes() (int, error) {
	size := i.DType.Size()
	if size == 0 {
		return 0, fmt.Errorf("tensor %q: unknown dtype %q", i.Name, i.DType)
	}
	n, ok := elements(i.Shape)
	if !ok || n > math.MaxInt/size {
		return 0, fmt.Errorf("tensor %q: shape %v is negative or too large", i.Name, i.Shape)
	}
	return n * size, nil
}

// elements is the product of a shape, 1 for a scalar; false when a side is
// negative or the product doesn't fit.
func elements(shape []int) (int, bool) {
	n := 1
	for _, side := range shape {
		if side < 0 || (side > 0 && n > math.MaxInt/side) {
			return 0, false
		}
		n *= side
	}
	return n, true
}
