package train

import "scalenet/engine"

// Device is the part of an [engine.Device] that training needs besides the
// model's own plans.
type Device interface {
	Alloc(bytes int) (engine.Memory, error)
	Free(engine.Memory)
	Write(dst engine.Memory, src any) error
	Read(dst any, src engine.Memory) error
	Update(rule engine.UpdateRule, w, grad engine.Memory, state []engine.Memory, n int) error
	Blend(dst, src engine.Memory, n int, a, b float32) error
	SumSquares(src engine.Memory, n int) (float64, error)
}

// Param is a float32 array of a model in device memory.
type Param struct {
	Name  string
	Len   int // elements
	Value engine.Memory
	// Trainable parameters have gradients. Others, the running statistics, are only
	// averaged.
	Trainable bool
	// Version, when not nil, is incremented whenever Value changes.
	Version *uint64
}

func (p Param) changed() {
	if p.Version != nil {
		*p.Version++
	}
}
