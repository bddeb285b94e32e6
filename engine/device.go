package engine

import (
	"errors"
	"fmt"

	"scalenet/nn"
)

// DType is the type of a tensor's elements on a device.
type DType = nn.DType

// The element types.
const (
	Float32  = nn.Float32
	Float64  = nn.Float64
	BFloat16 = nn.BFloat16
	Int32    = nn.Int32
	Float16  = nn.Float16
	UInt8    = nn.UInt8
)

// Desc is the shape and the element type of a tensor; the last dimension is
// contiguous.
type Desc struct {
	Shape nn.Shape
	Type  DType
}

// Bytes returns the size of the tensor in bytes.
func (d Desc) Bytes() int { return d.Shape.TotalSize() * d.Type.Size() }

func (d Desc) String() string { return fmt.Sprintf("%s%v", d.Type, []int(d.Shape)) }

// Memory is a block of a device's memory. Only the device accesses its content.
type Memory interface{ Bytes() int }

// Alignment in bytes of the parts of a block of memory.
const Alignment = 256

// aligned returns bytes rounded up to a multiple of Alignment.
func aligned(bytes int) int { return (bytes + Alignment - 1) / Alignment * Alignment }

// MemoryError means that a device has too little free memory.
type MemoryError struct {
	Device      string
	Bytes       int   // requested
	Free, Total int64 // of the device in bytes; 0 if unknown
}

func (e *MemoryError) Error() string {
	s := fmt.Sprintf("no memory for %d MB on %s", (e.Bytes+1<<20-1)>>20, e.Device)
	if e.Total > 0 {
		s += fmt.Sprintf(": %d of its %d MB are free", e.Free>>20, e.Total>>20)
	}
	return s
}

// Advise appends "; SETTINGS need less" to a *MemoryError and returns other errors unchanged.
func Advise(err error, settings string) error {
	if errors.As(err, new(*MemoryError)) {
		return fmt.Errorf("%w; %s need less", err, settings)
	}
	return err
}

// Tensor is an array in device memory.
type Tensor struct {
	Desc
	Mem Memory
	// Version counts the changes of a parameter, so that kernels repack or refold a weight only after a change. Version is nil for values that change with
	// every run.
	Version *uint64
}

// Kernel is an operation compiled for shapes, types and memory.
type Kernel interface {
	// Run computes the output from the inputs. It is called only within the device's Do.
	Run() error
	// Close frees the kernel's resources.
	Close()
}

// Device allocates memory and compiles operations into kernels.
type Device interface {
	// Name returns for instance "cpu", "ref" or "cuda:0".
	Name() string
	// Capabilities returns the device's capabilities, which do not change.
	Capabilities() Capabilities
	// Alloc returns zeroed memory, or a *MemoryError if too little is free.
	Alloc(bytes int) (Memory, error)
	// Part returns the bytes [from, from+bytes) of memory that Alloc returned; from is a multiple of Alignment. Freeing that memory invalidates the
	// part.
	Part(whole Memory, from, bytes int) (Memory, error)
	// Free frees memory. No kernel may use it afterwards.
	Free(Memory)
	// Write copies a []float32, []float64, []int32 or []uint8 to the start of the memory. Read copies from there. Neither converts element types;
	// Cast kernels do.
	Write(dst Memory, src any) error
	Read(dst any, src Memory) error
	// Kernel compiles an operation for the given inputs and output. The output may share the memory of an input if InPlace allows that.
	Kernel(op nn.Op, in []Tensor, out Tensor) (Kernel, error)
	// Do runs f on the device's own thread and waits for it.
	Do(f func() error) error
	// Sync blocks until all work of the device is done.
	Sync() error
	// Map returns a slice in host memory as read-only Memory, without a copy. Writing to that memory is an error, except for a Write of the slice itself,
	// which has no effect. The slice's values may change between runs. Free releases the mapping. Map returns an error on devices without
	// Capabilities.ReadsHostMemory.
	Map(host any) (Memory, error)

	// Update, Blend and SumSquares work on the first n float32 of memory.

	// Update makes one optimiser step: it updates the parameter w and the optimiser state from the gradient grad.
	Update(rule UpdateRule, w, grad Memory, state []Memory, n int) error
	// Blend sets dst = a*src + b*dst. If b is 0, dst may hold any values, NaN included.
	Blend(dst, src Memory, n int, a, b float32) error
	// SumSquares returns the sum of squares, always added in the same order.
	SumSquares(src Memory, n int) (float64, error)

	// Close frees the device.
	Close() error
}

// Capabilities are the optional abilities of a device.
type Capabilities struct {
	// Fuses: the device has kernels for this package's fused operations. Otherwise plans use only operations of package nn.
	Fuses bool
	// BFloat16 and Float16 are nil if the device supports activations of that type, else the reason why not.
	BFloat16, Float16 error
	// Int8 is nil if the device has kernels for operations on bytes (Spec.Quantization), else the reason why not.
	Int8 error
	// Asynchronous: calls return before their work is done, so that the host can prepare the next batch. Sync waits.
	Asynchronous bool
	// PreprocessesImages: the device computes the model input from decoded images (nn.Preprocess). Otherwise the host does, concurrently with inference.
	PreprocessesImages bool
	// WholeGraph: a detector should run as one graph, post-processing included, so that the host does not wait for intermediate results. Otherwise the
	// host reads the proposals, runs the box head on exactly these, and post-processes.
	WholeGraph bool
	// ReadsHostMemory: kernels can read host memory in place (Device.Map).
	ReadsHostMemory bool
}

// Supports returns nil if the device supports activations of the type, else an error with the reason.
func (c Capabilities) Supports(features DType) error {
	switch features {
	case Float32:
		return nil
	case BFloat16:
		return c.BFloat16
	case Float16:
		return c.Float16
	}
	return fmt.Errorf("activations are float32, bfloat16 or float16, not %v", features)
}

// Recorder is a device that captures several kernels as one (a CUDA graph), which takes less CPU time per run. Record returns nil if the kernels cannot
// be captured. The kernels must stay open as long as the captured kernel.
type Recorder interface {
	Record(kernels []Kernel) Kernel
}
