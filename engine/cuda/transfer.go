//go:build gpu

package cuda

// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// transfers copies between the host's memory and the GPU's through pinned memory, in the device's stream.
type transfers struct {
	stream cu.Stream
	up     [2]buffer
	now    int    // the buffer being filled
	down   []byte // pinned
	fault  cu.DevicePtr
}

// buffer is pinned memory that copies to the GPU are made from. Its part before used may be in use until the event has come.
type buffer struct {
	bytes []byte
	used  int
	event cu.Event
	sent  bool
}

const (
	bufferBytes = 8 << 20
	faultBytes  = 8 // of the word that kernels report in, at the end of the buffer for reading
)

func newTransfers(stream cu.Stream) (t *transfers, err error) {
	t = &transfers{stream: stream}
	defer func() {
		if err != nil {
			t.close()
			t = nil
		}
	}()
	for i := range t.up {
		if t.up[i].bytes, err = pin(bufferBytes); err != nil {
			return t, err
		}
		if t.up[i].event, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return t, describe(err)
		}
	}
	if t.down, err = pin(bufferBytes + faultBytes); err != nil {
		return t, err
	}
	if t.fault, err = cu.MemAlloc(faultBytes); err != nil {
		return t, describe(err)
	}
	return t, describe(cu.MemsetD8Async(t.fault, 0, faultBytes, stream))
}

// pin allocates memory that the GPU reads and writes on its own, which cu has no call for.
func pin(bytes int) ([]byte, error) {
	var p unsafe.Pointer
	if status := C.cuMemAllocHost(&p, C.size_t(bytes)); status != C.CUDA_SUCCESS {
		return nil, fmt.Errorf("no pinned memory of %d MB: error %d of the CUDA driver", bytes>>20, int(status))
	}
	return unsafe.Slice((*byte)(p), bytes), nil
}

// write copies by way of the buffers and waits only for one that is still in use.
func (t *transfers) write(dst cu.DevicePtr, src []byte) error {
	for len(src) > 0 {
		b := &t.up[t.now]
		if b.used == len(b.bytes) {
			if err := t.turn(); err != nil {
				return err
			}
			b = &t.up[t.now]
		}
		n := copy(b.bytes[b.used:], src)
		if err := cu.MemcpyHtoDAsync(dst, unsafe.Pointer(&b.bytes[b.used]), int64(n), t.stream); err != nil {
			return describe(err)
		}
		b.used += n
		dst, src = dst+cu.DevicePtr(n), src[n:]
	}
	return nil
}

// turn marks the end of the full buffer's copies and takes the other one, once its own are done.
func (t *transfers) turn() error {
	full := &t.up[t.now]
	if err := full.event.Record(t.stream); err != nil {
		return describe(err)
	}
	full.sent = true
	t.now = 1 - t.now
	b := &t.up[t.now]
	if b.sent {
		if err := b.event.Synchronize(); err != nil {
			return describe(err)
		}
	}
	b.used, b.sent = 0, false
	return nil
}

// read copies and waits; with what it was asked for comes what kernels have reported.
func (t *transfers) read(dst []byte, src cu.DevicePtr) error {
	for first := true; first || len(dst) > 0; first = false {
		n := min(len(dst), bufferBytes)
		if n > 0 {
			if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&t.down[0]), src, int64(n), t.stream); err != nil {
				return describe(err)
			}
		}
		word := unsafe.Pointer(&t.down[bufferBytes])
		if err := cu.MemcpyDtoHAsync(word, t.fault, faultBytes, t.stream); err != nil {
			return describe(err)
		}
		if err := t.stream.Synchronize(); err != nil {
			return describe(err)
		}
		if fault := *(*uint64)(word); fault != 0 {
			return errors.Join(reported(fault), describe(cu.MemsetD8Async(t.fault, 0, faultBytes, t.stream)))
		}
		copy(dst, t.down[:n])
		dst, src = dst[n:], src+cu.DevicePtr(n)
	}
	return nil
}

// reported is the error of the word that a kernel wrote (kernels/device.h).
func reported(fault uint64) error {
	row, value, limit := fault>>32&(1<<30-1), fault>>16&0xffff, fault&0xffff
	switch fault >> 62 {
	case 1:
		return fmt.Errorf("region %d is of image %d of %d", row, value, limit)
	case 2:
		return fmt.Errorf("label %d of row %d: there are %d classes", value, row, limit)
	}
	return fmt.Errorf("region %d has a corner that is not finite", row)
}

func (t *transfers) close() error {
	var failures []error
	failures = append(failures, t.stream.Synchronize())
	for i := range t.up {
		if t.up[i].event != (cu.Event{}) {
			failures = append(failures, cu.DestroyEvent(&t.up[i].event))
		}
		if t.up[i].bytes != nil {
			failures = append(failures, cu.MemFreeHost(unsafe.Pointer(&t.up[i].bytes[0])))
		}
	}
	if t.down != nil {
		failures = append(failures, cu.MemFreeHost(unsafe.Pointer(&t.down[0])))
	}
	if t.fault != 0 {
		failures = append(failures, cu.MemFree(t.fault))
	}
	return errors.Join(failures...)
}
