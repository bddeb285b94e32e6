// Package int8 compiles the kernels of package cpu that compute on bytes, which calls them through the header int8.h. It uses no library, and
// is a package of its own because package native takes a minute to compile.
package int8

// #cgo CXXFLAGS: -O3 -std=c++17 -fopenmp -Wall -Wextra
// #cgo LDFLAGS: -lgomp
// #include "int8.h"
import "C"

// ISA names the instruction set in use: "avx512 vnni", "avx2" or "x86-64".
func ISA() string { return C.GoString(C.sn_int8_isa()) }
