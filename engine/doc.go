// Package engine compiles a graph of nn operations into a Plan, which a device runs. A
// plan is a graph compiled for one input shape.
//
// Compile lists the operations that the outputs need, fuses them, chooses element
// types, assigns buffers by liveness, and gets one kernel per operation from the device.
// Running a plan runs its kernels in order and allocates nothing.
//
//	graph -> program: list of steps (operations) and values   program.go
//	      -> fused operations                                  fuse.go, fuse_resize.go, fused.go, taps.go
//	      -> element types                                     precision.go
//	      -> memory                                            memory.go
//	      -> kernels                                           plan.go, kernels.go, check.go
//
// The other files:
//
//	device.go  the interface of a device, and its capabilities
//	store.go   Store: a model's parameters on a device, shared by all plans
//	upload.go  asynchronous copies to and from a device
//	update.go  optimiser steps on a device
//	thread.go  a device's OS thread
//
// In inference, a device with Capabilities.ReadsHostMemory reads parameters in host
// memory. A plan has stages, which the caller runs one by one with Go code in between.
//
// Plans are not safe for concurrent use. Each device runs one kernel at a time on its own
// OS thread, because OpenMP keeps one pool of threads per calling thread.
package engine
