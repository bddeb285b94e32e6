package ref

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"scalenet/engine"
	"scalenet/nn"
)

// Options of a reference device.
type Options struct {
	// Fuse lets plans use engine's fused operations, which this device computes
	// from the plain ones. Kernel compiles them in either case.
	Fuse bool
}

// Device is the reference device. Its memory is Go's.
type Device struct {
	options Options
	mu      sync.Mutex
}

var _ engine.Device = (*Device)(nil)

// New makes a reference device.
func New(o Options) *Device { return &Device{options: o} }

// Name is "ref".
func (d *Device) Name() string { return "ref" }

// Capabilities implements engine.Device.
func (d *Device) Capabilities() engine.Capabilities {
	return engine.Capabilities{Fuses: d.options.Fuse}
}

// Sync implements engine.Device: calls return when their work is done.
func (d *Device) Sync() error { return nil }

// Map implements engine.Device.
func (d *Device) Map(any) (engine.Memory, error) {
	return nil, errors.New("ref: kernels do not read the host's memory")
}

// Close implements engine.Device; there is nothing to free.
func (d *Device) Close() error { return nil }

// Do runs f on the caller's thread, one call at a time; f must not call Do.
func (d *Device) Do(f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return f()
}

type memory struct {
	bytes  []byte
	parts  []*memory
	isPart bool // goes with the whole
}

// Bytes implements engine.Memory.
func (m *memory) Bytes() int { return len(m.bytes) }

// Alloc implements engine.Device.
func (d *Device) Alloc(bytes int) (engine.Memory, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("ref: cannot allocate %d bytes", bytes)
	}
	return &memory{bytes: make([]byte, bytes)}, nil
}

// Part implements engine.Device.
func (d *Device) Part(whole engine.Memory, from, bytes int) (engine.Memory, error) {
	m, ok := whole.(*memory)
	if !ok {
		return nil, fmt.Errorf("ref: %T is another device's memory", whole)
	}
	if err := engine.CheckPart(whole, from, bytes); err != nil {
		return nil, fmt.Errorf("ref: %w", err)
	}
	part := &memory{bytes: m.bytes[from : from+bytes : from+bytes], isPart: true}
	m.parts = append(m.parts, part)
	return part, nil
}

// Free implements engine.Device.
func (d *Device) Free(m engine.Memory) {
	if m, ok := m.(*memory); ok && !m.isPart {
		for _, part := range m.parts {
			part.bytes = nil
		}
		*m = memory{}
	}
}

// Write implements engine.Device.
func (d *Device) Write(dst engine.Memory, src any) error {
	b, err := block(dst, src, "write")
	if err != nil {
		return err
	}
	_, err = binary.Encode(b, binary.LittleEndian, src)
	return err
}

// Read implements engine.Device.
func (d *Device) Read(dst any, src engine.Memory) error {
	b, err := block(src, dst, "read")
	if err != nil {
		return err
	}
	_, err = binary.Decode(b, binary.LittleEndian, dst)
	return err
}

// block is the memory a slice of values is copied to or from.
func block(m engine.Memory, values any, what string) ([]byte, error) {
	switch values.(type) {
	case []float32, []float64, []int32, []uint8:
	default:
		return nil, fmt.Errorf("ref: cannot %s %T, want []float32, []float64, []int32 or []uint8", what, values)
	}
	return bytesOf(m, binary.Size(values), what)
}

// bytesOf is the first n bytes of this device's memory.
func bytesOf(m engine.Memory, n int, what string) ([]byte, error) {
	own, ok := m.(*memory)
	if !ok {
		return nil, fmt.Errorf("ref: cannot %s memory of another device (%T)", what, m)
	}
	if n < 0 || n > len(own.bytes) {
		return nil, fmt.Errorf("ref: cannot %s %d bytes in a block of %d", what, n, len(own.bytes))
	}
	return own.bytes[:n], nil
}

// Kernel implements engine.Device. It refuses an operation it does not know,
// and inputs or outputs whose number, shapes, types or memory do not fit.
func (d *Device) Kernel(op nn.Op, in []engine.Tensor, out engine.Tensor) (engine.Kernel, error) {
	do, ok := operationOf(op)
	if !ok {
		return nil, fmt.Errorf("ref: %w", engine.NoKernel(op))
	}
	if err := do.fits(op, in, out); err != nil {
		return nil, fmt.Errorf("ref: %T: %w", op, err)
	}
	return &kernel{op, do, in, out}, nil
}
