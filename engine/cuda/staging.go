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

// staging copies to the GPU in a stream, by way of pinned memory.
type staging struct {
	stream cu.Stream
	up     [2]buffer
	now    int // the buffer being filled
}

// buffer is pinned memory that copies to the GPU are made from. Its part before used may be in use until the event has come.
type buffer struct {
	bytes []byte
	used  int
	event cu.Event
	sent  bool
}

const bufferBytes = 8 << 20

func newStaging(stream cu.Stream) (*staging, error) {
	s := &staging{stream: stream}
	for i := range s.up {
		var err error
		if s.up[i].bytes, err = pin(bufferBytes); err != nil {
			return nil, errors.Join(err, s.close())
		}
		if s.up[i].event, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return nil, errors.Join(describe(err), s.close())
		}
	}
	return s, nil
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
func (s *staging) write(dst cu.DevicePtr, src []byte) error {
	for len(src) > 0 {
		b := &s.up[s.now]
		if b.used == len(b.bytes) {
			if err := s.turn(); err != nil {
				return err
			}
			b = &s.up[s.now]
		}
		n := copy(b.bytes[b.used:], src)
		if err := cu.MemcpyHtoDAsync(dst, unsafe.Pointer(&b.bytes[b.used]), int64(n), s.stream); err != nil {
			return describe(err)
		}
		b.used += n
		dst, src = dst+cu.DevicePtr(n), src[n:]
	}
	return nil
}

// turn marks the end of the full buffer's copies and takes the other one, once its own are done.
func (s *staging) turn() error {
	full := &s.up[s.now]
	if err := full.event.Record(s.stream); err != nil {
		return describe(err)
	}
	full.sent = true
	s.now = 1 - s.now
	b := &s.up[s.now]
	if b.sent {
		if err := b.event.Synchronize(); err != nil {
			return describe(err)
		}
	}
	b.used, b.sent = 0, false
	return nil
}

// close gives everything back; the stream must be idle.
func (s *staging) close() error {
	var failures []error
	for i := range s.up {
		if s.up[i].event != (cu.Event{}) {
			failures = append(failures, cu.DestroyEvent(&s.up[i].event))
		}
		if s.up[i].bytes != nil {
			failures = append(failures, cu.MemFreeHost(unsafe.Pointer(&s.up[i].bytes[0])))
		}
	}
	return errors.Join(failures...)
}
