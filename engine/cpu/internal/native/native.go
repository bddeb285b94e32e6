// Package native compiles the C++ loops and the calls of oneDNN of package cpu, which calls
// them through the header kernels.h. It is a package of its own because its compilation
// takes a minute: a change in Go then does not repeat it.
package native

// #cgo CXXFLAGS: -O3 -std=c++17 -fopenmp -Wall -Wextra
// #cgo LDFLAGS: -ldnnl -lgomp -Wl,--unresolved-symbols=report-all
// #include "kernels.h"
import "C"
