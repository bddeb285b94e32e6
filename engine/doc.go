// Package engine compiles a graph of nn operations into a Plan and
// runs it on a device.
//
// Compile sorts the nodes that the wanted outputs need, fuses chains of
// operations that one kernel computes, gives every intermediate value a slot
// of memory for as long as it lives, and asks the device for a kernel a step.
// Run then runs the kernels in order: nothing is allocated, nothing decided.
//
//	graph -> program (steps, values)  program.go
//	      -> fused                    fuse.go, fused.go
//	      -> types                    precision.go
//	      -> memory                   memory.go
//	      -> kernels                  plan.go
//
// Parameters live in a Store, once on the device for all plans of a model; in
// inference a device that can (Capabilities.ReadsHostMemory) reads them on the host.
// The stages of a plan are run one by one, with plain Go between them.
//
// Plans are not safe for concurrent use; each device runs one kernel at a time
// on a thread of its own, since OpenMP keeps a pool of threads for every
// thread that calls it.
package engine
