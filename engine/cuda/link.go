//go:build gpu

package cuda

// #include "nccl.h"
import "C"

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"scalenet/engine"

	"gorgonia.org/cu"
)

// link is a communicator of NCCL. Its work is in the device's stream.
type link struct {
	device *Device
	calls  *C.sn_link // nil once ended
	size   int
	limit  time.Duration
	end    cu.Event     // of the work so far
	halves cu.DevicePtr // bfloat16 on its way
	bytes  int          // of halves
}

var _ engine.Linker = (*Device)(nil)

// closing is the longest that the end of a link waits for other processes.
const closing = 10 * time.Second

// NCCL looks for the library that links need, and returns its version, like "2.21.5", and its file.
func NCCL() (version, file string, err error) {
	number, err := findNCCL()
	if err != nil {
		return "", "", err
	}
	var m message
	if C.sn_nccl_file(m.c()) != 0 {
		return "", "", errors.New("the file of NCCL is not known")
	}
	return fmt.Sprintf("%d.%d.%d", number/10000, number/100%100, number%100), m.String(), nil
}

// findNCCL loads the library, and returns its version, like 22105.
func findNCCL() (int, error) {
	opening.Lock()
	defer opening.Unlock()
	var m message
	var version C.int
	if C.sn_nccl_find(&version, m.c()) != 0 {
		return 0, errors.New(m.String())
	}
	return int(version), nil
}

// newID returns an ID of NCCL.
func newID() ([]byte, error) {
	if _, err := findNCCL(); err != nil {
		return nil, err
	}
	id := make([]byte, C.SN_ID)
	var m message
	if C.sn_nccl_id(unsafe.Pointer(&id[0]), m.c()) != 0 {
		return nil, errors.New(m.String())
	}
	return id, nil
}

// LinkID implements engine.Linker.
func (d *Device) LinkID() (id []byte, err error) {
	err = d.Do(func() error {
		id, err = newID()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return id, nil
}

// Link implements engine.Linker.
func (d *Device) Link(id []byte, rank, size int, limit time.Duration) (engine.Link, error) {
	l := &link{device: d, size: size, limit: limit}
	err := d.Do(func() (err error) {
		if len(id) != C.SN_ID {
			return fmt.Errorf("the ID of a link has %d bytes, not %d", C.SN_ID, len(id))
		}
		if _, err := findNCCL(); err != nil {
			return err
		}
		if l.end, err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return describe(err)
		}
		var m message
		return l.result(C.sn_link_open(&l.calls, unsafe.Pointer(&id[0]), C.int(rank), C.int(size), C.double(limit.Seconds()), m.c()), &m)
	})
	if err != nil {
		l.Abort()
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return l, nil
}

// result is the error of a call in C.
func (l *link) result(status C.int, m *message) error {
	switch status {
	case 0:
		return nil
	case C.SN_LATE:
		return fmt.Errorf("NCCL: %w of %v", engine.ErrLimit, l.limit)
	}
	return errors.New(m.String())
}

// do runs f on the device's thread.
func (l *link) do(f func() error) error {
	err := l.device.Do(func() error {
		if l.calls == nil {
			return errors.New("the link has ended")
		}
		return f()
	})
	if err != nil {
		return fmt.Errorf("cuda: %w", err)
	}
	return nil
}

// at is where values begin.
func (l *link) at(f engine.Floats) (cu.DevicePtr, error) {
	if f.From < 0 || f.Len < 0 {
		return 0, fmt.Errorf("%d values from %d", f.Len, f.From)
	}
	b, err := l.device.owned(f.Mem, 4*(f.From+f.Len))
	if err != nil {
		return 0, err
	}
	return b.at + cu.DevicePtr(4*f.From), nil
}

// Take implements engine.Link.
func (l *link) Take(dst, src engine.Floats, rounds bool) error {
	return l.each("wire_take", dst, src, rounds)
}

// Add implements engine.Link.
func (l *link) Add(dst, src engine.Floats, rounds bool) error {
	return l.each("wire_add", dst, src, rounds)
}

func (l *link) each(kernel string, dst, src engine.Floats, rounds bool) error {
	return l.do(func() error {
		to, err := l.at(dst)
		if err != nil {
			return err
		}
		from, err := l.at(src)
		switch {
		case err != nil:
			return err
		case dst.Len != src.Len:
			return fmt.Errorf("%d values for %d", src.Len, dst.Len)
		case dst.Len == 0:
			return nil
		}
		return l.device.once(kernel, dst.Len, to, from, rounds, dst.Len)
	})
}

// Exchange implements engine.Link.
func (l *link) Exchange(send, receive []engine.Parcel, rounded bool) error {
	return l.do(func() error {
		if rounded {
			return l.exchangeHalves(send, receive)
		}
		var parcels []C.sn_parcel
		for i, p := range append(append([]engine.Parcel(nil), send...), receive...) {
			at, err := l.at(p.Floats)
			if err != nil {
				return err
			}
			parcels = append(parcels, C.sn_parcel{C.uint64_t(at), C.uint64_t(4 * p.Len), C.int(p.Peer), flag(i >= len(send))})
		}
		return l.exchange(parcels)
	})
}

// exchangeHalves packs what is sent, and unpacks what was received.
func (l *link) exchangeHalves(send, receive []engine.Parcel) error {
	total := 0
	for _, p := range append(append([]engine.Parcel(nil), send...), receive...) {
		total += roundUp(2*p.Len, engine.Alignment)
	}
	if err := l.reserve(total); err != nil {
		return err
	}
	var parcels []C.sn_parcel
	var unpack []func() error
	next := l.halves
	for i, p := range append(append([]engine.Parcel(nil), send...), receive...) {
		floats, err := l.at(p.Floats)
		if err != nil {
			return err
		}
		halves, receives := next, i >= len(send)
		next += cu.DevicePtr(roundUp(2*p.Len, engine.Alignment))
		parcels = append(parcels, C.sn_parcel{C.uint64_t(halves), C.uint64_t(2 * p.Len), C.int(p.Peer), flag(receives)})
		switch {
		case p.Len == 0:
		case receives:
			unpack = append(unpack, func() error { return l.device.once("wire_unpack", p.Len, floats, halves, p.Len) })
		default:
			if err := l.device.once("wire_pack", p.Len, halves, floats, p.Len); err != nil {
				return err
			}
		}
	}
	if err := l.exchange(parcels); err != nil {
		return err
	}
	for _, f := range unpack {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// reserve makes the memory for bfloat16 at least so large.
func (l *link) reserve(bytes int) (err error) {
	if bytes <= l.bytes {
		return nil
	}
	if l.halves != 0 {
		if err := l.wait(); err != nil { // to free it waits for the stream, without a limit
			return err
		}
		l.device.release(l.halves)
		l.halves, l.bytes = 0, 0
	}
	if l.halves, err = l.device.allocate(bytes); err == nil {
		l.bytes = bytes
	}
	return err
}

func (l *link) exchange(parcels []C.sn_parcel) error {
	if len(parcels) == 0 {
		return nil
	}
	var m message
	return l.result(C.sn_link_exchange(l.calls, &parcels[0], C.int(len(parcels)), C.CUstream(unsafe.Pointer(l.device.stream.C())), C.double(l.limit.Seconds()), m.c()), &m)
}

// Wait implements engine.Link.
func (l *link) Wait() error { return l.do(l.wait) }

func (l *link) wait() error {
	if err := l.end.Record(l.device.stream); err != nil {
		return describe(err)
	}
	var m message
	return l.result(C.sn_link_wait(l.calls, *(*C.CUevent)(unsafe.Pointer(&l.end)), C.double(l.limit.Seconds()), m.c()), &m)
}

// Abort implements engine.Link.
func (l *link) Abort() {
	l.device.Do(func() error {
		if l.calls != nil {
			C.sn_link_abort(l.calls)
		}
		l.calls = nil
		return l.free()
	})
}

// Close implements engine.Link.
func (l *link) Close() error {
	return l.do(func() error {
		var m message
		status := C.sn_link_close(l.calls, C.double(min(l.limit, closing).Seconds()), m.c())
		l.calls = nil
		return errors.Join(l.result(status, &m), l.free())
	})
}

// free frees the memory.
func (l *link) free() error {
	var failures []error
	if l.halves != 0 {
		l.device.release(l.halves)
	}
	if l.end != (cu.Event{}) {
		failures = append(failures, describe(cu.DestroyEvent(&l.end)))
	}
	l.halves, l.bytes, l.end = 0, 0, cu.Event{}
	return errors.Join(failures...)
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
