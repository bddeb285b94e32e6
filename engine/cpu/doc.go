// Package cpu is the device that runs plans on the processor: convolutions and
// linear layers by oneDNN, everything else by loops of its own, in C++ behind
// cgo.
//
// # Memory and threads
//
// Features are NHWC, float32 or bfloat16; parameters are float32 and are packed
// into the layout a kernel wants, folded with a frozen norm, when they have
// changed (engine.Tensor.Version). Kernels for the same parameter share the
// packed copy, so that plans for several image sizes cost one.
//
// A device has one OS thread, because OpenMP keeps its pool of threads per OS
// thread: everything that computes runs there, one call at a time. Two devices
// are independent, and compete for the cores.
//
// Results are the same bits in every run with the same number of threads.
// (oneDNN splits some weight gradients by thread; the loops here do not.)
//
// # Caveats
//
// Binaries run on any x86-64; loops are compiled for AVX-512, AVX2 and neither
// and picked when the program is loaded. oneDNN makes its own choice.
//
// The package links a preinit function into the executable that sets libgomp's
// GOMP_SPINCOUNT to 5000 unless it, or OMP_WAIT_POLICY, is set: see system.cc.
// It can therefore not be part of a shared library.
//
// Gradients of features may be bfloat16, too; sums of many (RoIAlign's, those of
// parameters) are float32 until they are complete. float64 is not supported.
//
// Kernels print as the oneDNN implementation behind them, for profiles. One with
// "ref" in its name is a hundred times slower than the others and is used only
// where oneDNN has no other for the shape (some grouped convolutions).
package cpu
