// Package cpu runs plans on the CPU: convolutions and linear layers with oneDNN, all other
// operations with C++ loops (package native), through cgo.
//
// # Memory and threads
//
// Features are NHWC and float32 or bfloat16. Parameters are float32. After a change
// (engine.Tensor.Version) they are packed into the layout of the kernel and folded with a
// FrozenBatchNorm. Kernels of the same parameter share the packed copy, so plans for
// several image sizes need only one.
//
// A device has one OS thread, because OpenMP keeps one pool of threads per OS thread. All
// kernels run on it, one at a time. Two devices are independent and compete for the cores.
//
// Results are the same bit for bit in every run with the same number of threads. (oneDNN
// splits some weight gradients by thread; the C++ loops do not.)
//
// # Caveats
//
// Binaries run on any x86-64 CPU. Loops are compiled for AVX-512, for AVX2 and for CPUs
// with neither, and selected when the program is loaded. oneDNN selects its own kernels.
//
// The package links a preinit function into the executable that sets libgomp's
// GOMP_SPINCOUNT to 5000 unless it, or OMP_WAIT_POLICY, is set: see internal/native/system.cc.
// It can therefore not be part of a shared library.
//
// Gradients with respect to features may be bfloat16, too. Sums of many terms (RoIAlign's
// gradients, gradients of parameters) are accumulated in float32. float64 is not supported.
//
// In profiles, kernels have the name of their oneDNN implementation. One with "ref" in its
// name is a hundred times slower than the others. oneDNN uses such an implementation only
// if it has no other for the shape (some grouped convolutions).
package cpu
