package nn

// DType is the type of a value's elements. Graphs have Float32, Float64, Int32 and UInt8; plans keep activations in the 16-bit types, too.
type DType uint8

// The element types.
const (
	Float32 DType = iota
	Float64
	BFloat16
	Int32
	Float16
	UInt8
)

// Size is the number of bytes of an element.
func (t DType) Size() int { return [...]int{4, 8, 2, 4, 2, 1}[t] }

func (t DType) String() string { return [...]string{"f32", "f64", "bf16", "i32", "f16", "u8"}[t] }

// Is16Bit reports whether the type is a 16-bit float. Plans use these types for activations only, and the host cannot read them.
func (t DType) Is16Bit() bool { return t == BFloat16 || t == Float16 }
