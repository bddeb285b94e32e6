package ref

import (
	"encoding/binary"
	"math"

	"scalenet/engine"
	"scalenet/internal/half"
	"scalenet/nn"
)

// array is a tensor's values, row-major, as kernels compute with them.
type array struct {
	shape  nn.Shape
	data   []float64
	single bool // the values were float32 or shorter
}

func zeros(shape ...int) array {
	return array{shape: shape, data: make([]float64, product(shape))}
}

// zerosLike is an array of zeros of the same shape.
func zerosLike(a array) array { return zeros(a.shape...) }

// channels is the length of the last dimension.
func (a array) channels() int { return a.shape[len(a.shape)-1] }

// rows is the number of vectors along the last dimension.
func (a array) rows() int { return product(a.shape[:len(a.shape)-1]) }

// row is the i-th vector along the last dimension.
func (a array) row(i int) []float64 {
	c := a.channels()
	return a.data[i*c : (i+1)*c]
}

// pixel is the channels at an image's row and column of an (N, H, W, C) array.
func (a array) pixel(n, h, w int) []float64 {
	return a.row((n*a.shape[1]+h)*a.shape[2] + w)
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// load reads a tensor; bytes, int32 and bfloat16 are exact in float64.
func load(t engine.Tensor) array {
	b := t.Mem.(*memory).bytes
	a := zeros(t.Shape...)
	a.single = t.Type != engine.Float64
	for i := range a.data {
		switch t.Type {
		case engine.Float32:
			a.data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		case engine.Float64:
			a.data[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		case engine.BFloat16:
			a.data[i] = float64(half.FromBFloat16(binary.LittleEndian.Uint16(b[2*i:])))
		case engine.Float16:
			a.data[i] = float64(half.FromFloat16(binary.LittleEndian.Uint16(b[2*i:])))
		case engine.Int32:
			a.data[i] = float64(int32(binary.LittleEndian.Uint32(b[4*i:])))
		case engine.UInt8:
			a.data[i] = float64(b[i])
		}
	}
	return a
}

// store writes an array to a tensor, rounding to its type.
func store(t engine.Tensor, a array) {
	b := t.Mem.(*memory).bytes
	for i, v := range a.data {
		switch t.Type {
		case engine.Float32:
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(float32(v)))
		case engine.Float64:
			binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(v))
		case engine.BFloat16:
			binary.LittleEndian.PutUint16(b[2*i:], half.ToBFloat16(float32(v)))
		case engine.Float16:
			binary.LittleEndian.PutUint16(b[2*i:], half.ToFloat16(float32(v)))
		case engine.Int32:
			binary.LittleEndian.PutUint32(b[4*i:], uint32(int32(v)))
		case engine.UInt8:
			b[i] = uint8(v)
		}
	}
}
