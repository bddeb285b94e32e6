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

// Bytes is the memory the tensor takes.
func (d Desc) Bytes() int { return d.Shape.TotalSize() * d.Type.Size() }

func (d Desc) String() string { return fmt.Sprintf("%s%v", d.Type, []int(d.Shape)) }

// Memory is a block of a device's memory. Only its device looks inside.
type Memory interface{ Bytes() int }

// Alignment is what the offsets of parts of memory are multiples of.
const Alignment = 256

// aligned is the next multiple of Alignment.
func aligned(bytes int) int { return (bytes + Alignment - 1) / Alignment * Alignment }

// MemoryError says that a device has too little memory left.
type MemoryError struct {
	Device      string
	Bytes       int   // asked for
	Free, Total int64 // of the device; 0 where it cannot tell
}

func (e *MemoryError) Error() string {
	s := fmt.Sprintf("no memory for %d MB on %s", (e.Bytes+1<<20-1)>>20, e.Device)
	if e.Total > 0 {
		s += fmt.Sprintf(": %d of its %d MB are free", e.Free>>20, e.Total>>20)
	}
	return s
}

// Advise adds to an error for lack of memory which settings need less.
func Advise(err error, settings string) error {
	if errors.As(err, new(*MemoryError)) {
		return fmt.Errorf("%w; %s need less", err, settings)
	}
	return err
}

// Tensor is device memory seen as an array.
type Tensor struct {
	Desc
	Mem Memory
	// Version counts the changes of a parameter, so that what a kernel derives
	// from it (a packed or folded weight) is derived anew only when needed.
	// It is nil for what changes with every run.
	Version *uint64
}

// Kernel is an operation compiled for shapes, types and memory.
type Kernel interface {
	// Run computes the output from the inputs it was compiled for. It is called
	// inside the device's Do only.
	Run() error
	// Close frees what the kernel holds.
	Close()
}

// Device allocates memory and compiles operations into kernels.
type Device interface {
	// Name is "cpu", "ref" or "cuda:0".
	Name() string
	// Capabilities says what the device can do; they stay as they are.
	Capabilities() Capabilities
	// Alloc gives zeroed memory. The error is a *MemoryError where there is too
	// little of it.
	Alloc(bytes int) (Memory, error)
	// Part is the block of so many bytes within memory of Alloc's that begins at
	// a multiple of Alignment. It goes when the whole is freed.
	Part(whole Memory, from, bytes int) (Memory, error)
	// Free gives memory back; no kernel may use it any more.
	Free(Memory)
	// Write copies a []float32, []float64, []int32 or []uint8 to the start of the memory;
	// Read copies from there. The element type is the slice's own: Cast kernels
	// convert.
	Write(dst Memory, src any) error
	Read(dst any, src Memory) error
	// Kernel compiles an operation for the given inputs and output. The output
	// may share the memory of an input where InPlace allows it.
	Kernel(op nn.Op, in []Tensor, out Tensor) (Kernel, error)
	// Do runs f on the device's own thread and waits for it.
	Do(f func() error) error
	// Sync waits until all work that the device was given is done.
	Sync() error
	// Map gives a slice that Write takes as memory, to be read only: writing to it is an error, but for a Write of the slice itself, which
	// changes nothing. The slice's values may change between runs. Free lets go of it. It is an error where the device cannot read the
	// host's memory (Capabilities.ReadsHostMemory).
	Map(host any) (Memory, error)

	// Update, Blend and SumSquares work on the first n float32 of memory.

	// Update makes a step of an optimiser: it changes w along grad, and the
	// state that the rule keeps beside w.
	Update(rule UpdateRule, w, grad Memory, state []Memory, n int) error
	// Blend is dst = a*src + b*dst; with b = 0 nothing that dst held counts, NaN
	// neither.
	Blend(dst, src Memory, n int, a, b float32) error
	// SumSquares adds up the squares, in an order that is always the same.
	SumSquares(src Memory, n int) (float64, error)

	// Close frees the device.
	Close() error
}

// Capabilities are what a device can do, and what follows for those who use it.
type Capabilities struct {
	// Fuses: the device has kernels for this package's fused operations. Otherwise plans keep to those of package nn.
	Fuses bool
	// BFloat16 and Float16 are nil if the device computes activations in the type, else why it does not.
	BFloat16, Float16 error
	// Asynchronous: calls return before their work is done. The host may prepare the next batch meanwhile; Sync waits.
	Asynchronous bool
	// PreprocessesImages: the device makes the network's input of decoded images (nn.Preprocess). Otherwise the host does it, beside the network.
	PreprocessesImages bool
	// WholeGraph: detections are computed in one graph, without a look at what lies in between. Otherwise the host chooses proposals and
	// detections, and leaves out what they do not need.
	WholeGraph bool
	// ReadsHostMemory: kernels can read the host's memory in place (Device.Map).
	ReadsHostMemory bool
}

// Supports is nil if activations of the type can be computed, else it says why not.
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

// Recorder is a device that makes one kernel of several, which it runs with less to do for the processor. Record returns nil where it
// cannot. The kernels stay open as long as the recording.
type Recorder interface {
	Record(kernels []Kernel) Kernel
}
