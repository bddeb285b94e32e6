package nn

import (
	"fmt"
	"slices"
	"strings"
)

// Shape lists the dimensions of a value, the one that is contiguous in memory last. The empty shape is a scalar.
type Shape []int

// TotalSize is the number of elements.
func (s Shape) TotalSize() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Clone is a copy that shares no memory with s.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// Equal reports whether two shapes have the same dimensions.
func (s Shape) Equal(other Shape) bool { return slices.Equal(s, other) }

// String is "(2, 3)".
func (s Shape) String() string {
	dims := make([]string, len(s))
	for i, d := range s {
		dims[i] = fmt.Sprint(d)
	}
	return "(" + strings.Join(dims, ", ") + ")"
}

// maxDims is the maximum number of dimensions of a Dims.
const maxDims = 6

// Dims is a shape as an attribute of an operation: operations are comparable, slices are not.
type Dims struct {
	count int
	sizes [maxDims]int
}

// DimsOf returns a shape as an attribute. For more than six dimensions it calls Fail.
func DimsOf(shape ...int) (d Dims) {
	if len(shape) > maxDims {
		Fail("shape %v has %d dimensions, want at most %d", Shape(shape), len(shape), maxDims)
	}
	d.count = copy(d.sizes[:], shape)
	return d
}

// Shape returns the shape that was given to DimsOf.
func (d Dims) Shape() Shape { return d.sizes[:d.count:d.count] }

func (d Dims) String() string { return d.Shape().String() }
