package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"scalenet/internal/brief"
	"scalenet/internal/half"
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

// Float32Tensor returns an F32 tensor with a copy of values. It panics if their number is
// not the product of shape.
func Float32Tensor(name string, shape []int, values []float32) Tensor {
	mustHold(name, shape, len(values))
	data := make([]byte, 4*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return Tensor{Info{name, F32, slices.Clone(shape)}, data}
}

// Int8Tensor returns an I8 tensor with a copy of values. It panics like [Float32Tensor].
func Int8Tensor(name string, shape []int, values []int8) Tensor {
	mustHold(name, shape, len(values))
	data := make([]byte, len(values))
	for i, v := range values {
		data[i] = byte(v)
	}
	return Tensor{Info{name, I8, slices.Clone(shape)}, data}
}

// Int64Tensor returns an I64 tensor with a copy of values. It panics like [Float32Tensor].
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

// Len returns the number of elements.
func (i Info) Len() int {
	n, _ := elements(i.Shape)
	return n
}

// Float32s returns the elements of a floating-point tensor as float32: rounded from F64,
// exact from the others. Other types are an error.
func (t Tensor) Float32s() ([]float32, error) {
	out := make([]float32, t.Len())
	if err := t.CopyFloat32s(out); err != nil {
		return nil, err
	}
	return out, nil
}

// CopyFloat32s is [Tensor.Float32s] into dst, which must have as many elements as the
// tensor.
func (t Tensor) CopyFloat32s(dst []float32) error {
	if err := t.check(); err != nil {
		return err
	}
	if len(dst) != t.Len() {
		return fmt.Errorf("tensor %q has %d elements, the destination %d", t.Name, t.Len(), len(dst))
	}
	if t.DType == F32 { // fast path of the most common type
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		return nil
	}
	convert, err := t.DType.converter()
	if err != nil {
		return fmt.Errorf("tensor %q: %w", brief.Text(t.Name), err)
	}
	size := t.DType.Size()
	for i := range dst {
		dst[i] = convert(t.Data[i*size:])
	}
	return nil
}

// converter returns a function that converts the bytes of an element to float32.
func (d DType) converter() (func([]byte) float32, error) {
	le := binary.LittleEndian
	switch d {
	case F64:
		return func(b []byte) float32 { return float32(math.Float64frombits(le.Uint64(b))) }, nil
	case F16:
		return func(b []byte) float32 { return half.FromFloat16(le.Uint16(b)) }, nil
	case BF16:
		return func(b []byte) float32 { return half.FromBFloat16(le.Uint16(b)) }, nil
	case F8E5M2: // the upper half of an F16
		return func(b []byte) float32 { return half.FromFloat16(uint16(b[0]) << 8) }, nil
	case F8E4M3:
		return func(b []byte) float32 { return e4m3ToFloat(b[0]) }, nil
	case F8E8M0:
		return func(b []byte) float32 { return e8m0ToFloat(b[0]) }, nil
	}
	return nil, fmt.Errorf("it is %s, want floating-point numbers", d)
}

// integer returns a function that converts the bytes of an element to int64.
func (d DType) integer() (func([]byte) int64, error) {
	le := binary.LittleEndian
	switch d {
	case I64:
		return func(b []byte) int64 { return int64(le.Uint64(b)) }, nil
	case I32:
		return func(b []byte) int64 { return int64(int32(le.Uint32(b))) }, nil
	case I16:
		return func(b []byte) int64 { return int64(int16(le.Uint16(b))) }, nil
	case I8:
		return func(b []byte) int64 { return int64(int8(b[0])) }, nil
	case U32:
		return func(b []byte) int64 { return int64(le.Uint32(b)) }, nil
	case U16:
		return func(b []byte) int64 { return int64(le.Uint16(b)) }, nil
	case U8, Bool:
		return func(b []byte) int64 { return int64(b[0]) }, nil
	}
	return nil, fmt.Errorf("it is %s, want integers", d)
}

// Int64s returns the elements of a tensor of integers or BOOL. U64 is an error.
func (t Tensor) Int64s() ([]int64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	integer, err := t.DType.integer()
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", brief.Text(t.Name), err)
	}
	out, size := make([]int64, t.Len()), t.DType.Size()
	for i := range out {
		out[i] = integer(t.Data[i*size:])
	}
	return out, nil
}

// Convert returns the tensor as F32, F16 or BF16. Tensors of other kinds than
// floating-point, and tensors that already have the type, are returned unchanged. A finite
// value that overflows the type is an error.
func (t Tensor) Convert(to DType) (Tensor, error) {
	if to != F32 && to != F16 && to != BF16 {
		return Tensor{}, fmt.Errorf("tensor %q: conversion to %q is not supported, want F32, F16 or BF16", t.Name, to)
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
	narrow, infinity := half.ToBFloat16, uint16(0x7f80)
	if to == F16 {
		narrow, infinity = half.ToFloat16, 0x7c00
	}
	data := make([]byte, 2*len(values))
	for i, v := range values {
		h := narrow(v)
		if h&0x7fff == infinity && !math.IsInf(float64(v), 0) {
			return Tensor{}, fmt.Errorf("tensor %q has the value %v at [%d], which overflows %s", brief.Text(t.Name), v, i, to)
		}
		binary.LittleEndian.PutUint16(data[2*i:], h)
	}
	return Tensor{Info{t.Name, to, slices.Clone(t.Shape)}, data}, nil
}

// check returns an error if the data does not have the size of dtype and shape.
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

// bytes returns the size in bytes of dtype and shape.
func (i Info) bytes() (int, error) {
	size := i.DType.Size()
	if size == 0 {
		return 0, fmt.Errorf("tensor %q: unknown dtype %q", brief.Text(i.Name), brief.Text(string(i.DType)))
	}
	n, ok := elements(i.Shape)
	if !ok || n > math.MaxInt/size {
		return 0, fmt.Errorf("tensor %q: shape %s is negative or too large", brief.Text(i.Name), brief.Value(i.Shape))
	}
	return n * size, nil
}

// elements returns the product of a shape, 1 for a scalar. It returns false if a dimension
// is negative or the product overflows.
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
