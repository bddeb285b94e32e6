//go:build gpu

package cuda

import (
	"errors"
	"fmt"

	"scalenet/engine"

	"gorgonia.org/cu"
)

// memory is a block of the GPU's memory.
type memory struct {
	device *Device
	at     cu.DevicePtr // 0 once freed
	bytes  int
	parts  []*memory
	isPart bool // goes with the whole
}

func (m *memory) Bytes() int { return m.bytes }

// Alloc implements engine.Device.
func (d *Device) Alloc(bytes int) (engine.Memory, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("cuda: allocation of %d bytes", bytes)
	}
	m := &memory{device: d, bytes: bytes}
	err := d.Do(func() (err error) {
		if m.at, err = d.allocate(bytes); err != nil || bytes == 0 {
			return err
		}
		if err := cu.MemsetD8Async(m.at, 0, int64(bytes), d.stream); err != nil {
			d.release(m.at)
			return describe(err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return m, nil
}

// Part implements engine.Device.
func (d *Device) Part(whole engine.Memory, from, bytes int) (engine.Memory, error) {
	m, err := d.owned(whole, 0)
	if err == nil {
		err = engine.CheckPart(whole, from, bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	part := &memory{device: d, at: m.at + cu.DevicePtr(from), bytes: bytes, isPart: true}
	m.parts = append(m.parts, part)
	return part, nil
}

// allocate gives memory with what was there before in it. It runs on the device's thread.
func (d *Device) allocate(bytes int) (cu.DevicePtr, error) {
	p, err := cu.MemAlloc(int64(max(bytes, 1)))
	if err == nil {
		return p, nil
	}
	if free, total, infoErr := cu.MemInfo(); err == cu.OutOfMemory && infoErr == nil {
		return 0, &engine.MemoryError{Device: fmt.Sprintf("GPU %d", d.options.Ordinal), Bytes: bytes, Free: free, Total: total}
	}
	return 0, describe(err)
}

// Free implements engine.Device. It waits for the kernels that were asked for: they may use the memory.
func (d *Device) Free(m engine.Memory) {
	b, ok := m.(*memory)
	if !ok || b.device != d || b.at == 0 || b.isPart {
		return
	}
	d.Do(func() error {
		d.release(b.at)
		for _, part := range b.parts {
			part.at = 0
		}
		b.at, b.parts = 0, nil
		return nil
	})
}

// release waits and frees. After an error of the GPU both fail, and there is nothing left to do.
func (d *Device) release(p cu.DevicePtr) {
	if d.idle() == nil {
		cu.MemFree(p)
	}
}

// owned is the memory of this device behind an engine.Memory, of at least so many bytes.
func (d *Device) owned(m engine.Memory, bytes int) (*memory, error) {
	b, ok := m.(*memory)
	switch {
	case !ok:
		return nil, fmt.Errorf("%T is not this device's memory", m)
	case b.device != d:
		return nil, fmt.Errorf("memory of %s on %s", b.device.Name(), d.Name())
	case b.at == 0:
		return nil, errors.New("memory used after it was freed")
	case bytes < 0 || bytes > b.bytes:
		return nil, fmt.Errorf("%d bytes for memory of %d", bytes, b.bytes)
	}
	return b, nil
}

// reserve makes the shared memory at least so large. It runs on the device's thread.
func (d *Device) reserve(bytes int) error {
	if bytes <= d.sharedSize {
		return nil
	}
	if d.shared != 0 {
		d.release(d.shared)
		d.shared, d.sharedSize = 0, 0
	}
	p, err := d.allocate(bytes)
	if err != nil {
		return err
	}
	d.shared, d.sharedSize = p, bytes
	return nil
}

// Write implements engine.Device. It returns when the slice may be changed again.
func (d *Device) Write(dst engine.Memory, src any) error {
	host, err := engine.HostBytes(src)
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	err = d.Do(func() error {
		m, err := d.owned(dst, len(host))
		if err != nil {
			return err
		}
		return d.transfers.write(m.at, host)
	})
	if err != nil {
		return fmt.Errorf("cuda: write: %w", err)
	}
	return nil
}

// Read implements engine.Device. It waits for the kernels that were asked for.
func (d *Device) Read(dst any, src engine.Memory) error {
	host, err := engine.HostBytes(dst)
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	err = d.Do(func() error {
		m, err := d.owned(src, len(host))
		if err != nil {
			return err
		}
		return d.transfers.read(host, m.at)
	})
	if err != nil {
		return fmt.Errorf("cuda: read: %w", err)
	}
	return nil
}
