// Package cuda runs plans on an NVIDIA GPU through gorgonia.org/cu: convolutions with cuDNN, linear layers with cuBLAS, and all other operations with
// this package's kernels (kernels/*.cu).
//
// The package is built only with the tag gpu. The tag cuda is not used, because it would also enable gorgonia's own CUDA operations, which are unusable and
// link one version of cuDNN. This package loads driver, cuDNN and cuBLAS when a device is opened (driver.c, library.c). A program built with the tag gpu
// therefore starts on machines without a GPU, too.
//
// # Memory and streams
//
// A device has one OS thread, which owns the CUDA context, and one stream. Kernels run in order and asynchronously. Read waits for them, and returns errors
// that kernels found in their input values. Features are NHWC. Parameters are float32. After a change (engine.Tensor.Version) they are packed into the
// layout of the convolution and folded with a FrozenBatchNorm; kernels of the same parameter share the packed copy. All kernels share one block of scratch
// memory.
//
// Results are the same bit for bit in every run on the same GPU and libraries: no kernel sums in an order that depends on timing, and only deterministic
// algorithms of cuDNN are used, in the order that cuDNN recommends.
//
// # Several processes
//
// GPUs of several processes exchange memory through NCCL (nccl.c), which is loaded when a link is made. Its work is in the device's stream. Communicators do
// not block, so that every wait has a time limit; a link that fails is aborted at once, since the stream would never become idle.
//
// # Without a GPU
//
// The tests run on the fake CUDA libraries (fake/): a driver, cuDNN, cuBLAS, NVML and NCCL that run on the CPU, with the same kernel sources compiled as C++. They
// check the host code, shapes, layouts, addresses, order and lifetimes strictly, and the kernels' arithmetic as compiled by a C++ compiler. They cannot show
// speed, or the behaviour of NVIDIA's compiler and libraries. docs/gpu-internals.md lists what has run on which hardware.
package cuda
