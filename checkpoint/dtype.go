package checkpoint

import (
	"fmt"
	"strings"
)

// DType is the element type of a tensor, spelled as in a safetensors header.
type DType string

// The supported element types.
const (
	F64    DType = "F64"
	F32    DType = "F32"
	F16    DType = "F16"
	BF16   DType = "BF16"
	F8E4M3 DType = "F8_E4M3"
	F8E5M2 DType = "F8_E5M2"
	F8E8M0 DType = "F8_E8M0" // a power of two
	C64    DType = "C64"     // two F32, real and imaginary
	I64    DType = "I64"
	I32    DType = "I32"
	I16    DType = "I16"
	I8     DType = "I8"
	U64    DType = "U64"
	U32    DType = "U32"
	U16    DType = "U16"
	U8     DType = "U8"
	Bool   DType = "BOOL"
)

// Size returns the number of bytes per element, 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case F64, I64, U64, C64:
		return 8
	case F32, I32, U32:
		return 4
	case F16, BF16, I16, U16:
		return 2
	case F8E4M3, F8E5M2, F8E8M0, I8, U8, Bool:
		return 1
	}
	return 0
}

// IsFloat reports whether elements are floating-point numbers.
func (d DType) IsFloat() bool {
	switch d {
	case F64, F32, F16, BF16, F8E4M3, F8E5M2, F8E8M0:
		return true
	}
	return false
}

// ParseDType parses a type in upper or lower case, such as "f32", "BF16" or "bool".
func ParseDType(s string) (DType, error) {
	d := DType(strings.ToUpper(strings.NewReplacer("bfloat", "bf", "float", "f", "uint", "u", "int", "i").Replace(strings.ToLower(s))))
	if d.Size() == 0 {
		return "", fmt.Errorf("dtype %q is not one of float64, float32, float16, bfloat16, int64, int32, uint8, bool", s)
	}
	return d, nil
}
