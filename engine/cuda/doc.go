// Package cuda is the device that runs plans on an NVIDIA GPU, through gorgonia.org/cu: convolutions by cuDNN, linear layers by cuBLAS,
// everything else by kernels of its own (kernels/*.cu).
//
// It is built with the tag gpu only. The tag cuda would do the same to gorgonia itself, whose CUDA operations are not usable and link one
// version of cuDNN; this package finds driver, cuDNN and cuBLAS when a device is opened (driver.c, library.c), so that a program which has
// it starts on any machine.
//
// # Memory and streams
//
// A device has one OS thread, which has its context, and one stream: kernels run in order, and calls return before they have run. Read
// waits; an error that a kernel met in its values comes with the next Read. Features are NHWC. Parameters are float32 and are packed
// into the layout a convolution wants, folded with a frozen norm, when they have changed (engine.Tensor.Version); kernels for the same
// parameter share the packed copy. What a kernel needs while it runs lies in one block of memory that all kernels share.
//
// Results are the same bits in every run on the same GPU and libraries: no kernel adds up in an order that depends on timing, and of
// cuDNN's algorithms only the deterministic ones are used, in the order in which it recommends them.
//
// # Without a GPU
//
// The tests run on fake CUDA libraries (fake/) that is compiled from the same kernel sources as C++: it checks the host code,
// shapes, layouts, addresses, order and lifetimes strictly, and the kernels' arithmetic as C++ does it. It says nothing of speed, nor of
// what NVIDIA's compiler and libraries make of the same calls. docs/gpu.md says what has run on which hardware.
package cuda
