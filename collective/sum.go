package collective

// #include "sum.h"
import "C"

import "unsafe"

// Wire is how numbers travel between processes.
type Wire int

const (
	Float32 Wire = iota
	// BFloat16 halves the bytes. All values of the tree are rounded, also where nothing travels.
	BFloat16
)

func (w Wire) String() string { return [...]string{"float32", "bfloat16"}[w] }

// take puts x into a block of the tree.
func (w Wire) take(into, x []float32) {
	if w == Float32 || len(x) == 0 {
		copy(into, x)
		return
	}
	C.sc_round(numbers(into), numbers(x), C.long(len(x)))
}

// add adds x to a block of the tree.
func (w Wire) add(into, x []float32) {
	switch {
	case len(x) == 0:
	case w == Float32:
		C.sc_add(numbers(into), numbers(x), C.long(len(x)))
	default:
		C.sc_add_rounded(numbers(into), numbers(x), C.long(len(x)))
	}
}

// pack and unpack convert rounded numbers to bfloat16 and back.
func pack(into []uint16, x []float32) {
	if len(x) > 0 {
		C.sc_pack((*C.uint16_t)(unsafe.Pointer(&into[0])), numbers(x), C.long(len(x)))
	}
}

func unpack(into []float32, x []uint16) {
	if len(x) > 0 {
		C.sc_unpack(numbers(into), (*C.uint16_t)(unsafe.Pointer(&x[0])), C.long(len(x)))
	}
}

func numbers(x []float32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(x))) }
