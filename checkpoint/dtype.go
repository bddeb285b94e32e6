package checkpoint

import (
	"fmt"
	"strings"
)

// DType is the element type of a tensor, spelled as in a safetensors header.
type DType string

// The element types that are read and written.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of an element, 0 for a type that is not known.
func (d DType) Size() int {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16:
		return 2
	case U8, Bool:
		return 1
	}
	return 0
}

// IsFloat tells whether elements are floating-point numbers.
func (d DType) IsFloat() bool {
	return d == F64 || d == F32 || d == F16 || d == BF16
}

// ParseDType reads a type in any case: "f32", "BF16", "bool".
func ParseDType(s string) (DType, error) {
	d := DType(strings.ToUpper(s))
	if d.Size() == 0 {
		return "", fmt.Errorf("dtype %q is not one of F64, F32, F16, BF16, I64, I32, U8, BOOL", s)
	}
	return d, nil
}
