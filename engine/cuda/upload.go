//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"scalenet/engine"

	"gorgonia.org/cu"
)

// upload copies to memory in the stream for copies, which events put into an order with the kernels.
type upload struct {
	device     *Device
	to         engine.Memory
	sent, used cu.Event
}

// Upload implements engine.Uploader.
func (d *Device) Upload(dst engine.Memory) (engine.Upload, error) {
	u := &upload{device: d, to: dst}
	err := d.Do(func() (err error) {
		if _, err := d.owned(dst, 0); err != nil {
			return err
		}
		for _, e := range []*cu.Event{&u.sent, &u.used} {
			if *e, err = cu.MakeEvent(cu.DisableTiming); err != nil {
				return errors.Join(describe(err), u.destroy())
			}
		}
		if err := u.used.Record(d.stream); err != nil { // the memory is zeroed, or was written to
			return errors.Join(describe(err), u.destroy())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cuda: upload: %w", err)
	}
	return u, nil
}

// Send implements engine.Upload.
func (u *upload) Send(parts ...any) error {
	err := u.device.Do(func() error {
		m, err := u.device.owned(u.to, 0)
		if err != nil {
			return err
		}
		if err := u.device.copies.Wait(u.used, 0); err != nil {
			return describe(err)
		}
		at, end := m.at, m.at+cu.DevicePtr(m.bytes)
		for _, p := range parts {
			host, err := engine.HostBytes(p)
			if err != nil {
				return err
			}
			if cu.DevicePtr(len(host)) > end-at {
				return fmt.Errorf("more than %d bytes for memory of as many", m.bytes)
			}
			if err := u.device.uploads.write(at, host); err != nil {
				return err
			}
			at += cu.DevicePtr(len(host))
		}
		return describe(u.sent.Record(u.device.copies))
	})
	if err != nil {
		return fmt.Errorf("cuda: upload: %w", err)
	}
	return nil
}

// Ready implements engine.Upload.
func (u *upload) Ready() error {
	if err := u.device.Do(func() error { return describe(u.device.stream.Wait(u.sent, 0)) }); err != nil {
		return fmt.Errorf("cuda: upload: %w", err)
	}
	return nil
}

// Used implements engine.Upload.
func (u *upload) Used() error {
	if err := u.device.Do(func() error { return describe(u.used.Record(u.device.stream)) }); err != nil {
		return fmt.Errorf("cuda: upload: %w", err)
	}
	return nil
}

// Close implements engine.Upload.
func (u *upload) Close() {
	u.device.Do(func() error {
		u.device.copies.Synchronize()
		return u.destroy()
	})
}

func (u *upload) destroy() error {
	var failures []error
	for _, e := range []*cu.Event{&u.sent, &u.used} {
		if *e != (cu.Event{}) {
			failures = append(failures, cu.DestroyEvent(e))
		}
	}
	return errors.Join(failures...)
}

// result is pinned memory that an output comes down to, behind the word that kernels report in, and the event of its arrival.
type result struct {
	bytes []byte
	event cu.Event
}

// Fetch implements engine.Uploader. What kernels report comes with the outputs that were asked for after them.
func (d *Device) Fetch(values any, src engine.Memory) (wait func() error, err error) {
	host, err := engine.HostBytes(values)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	var r *result
	err = d.Do(func() error {
		m, err := d.owned(src, len(host))
		if err != nil {
			return err
		}
		if r, err = d.result(faultBytes + len(host)); err != nil {
			return err
		}
		if err := d.ask(r, m.at, len(host)); err != nil {
			d.results = append(d.results, r)
			return describe(err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cuda: fetch: %w", err)
	}
	return func() error {
		if err := d.Do(func() error { return d.arrived(r, host) }); err != nil {
			return fmt.Errorf("cuda: fetch: %w", err)
		}
		return nil
	}, nil
}

// result is one that is not in use, of at least so many bytes.
func (d *Device) result(bytes int) (*result, error) {
	for i, r := range d.results {
		if len(r.bytes) >= bytes {
			d.results = slices.Delete(d.results, i, i+1)
			return r, nil
		}
	}
	r := &result{}
	var err error
	if r.event, err = cu.MakeEvent(cu.DisableTiming); err != nil {
		return nil, describe(err)
	}
	if r.bytes, err = pin(bytes); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// ask puts the copies down into the stream.
func (d *Device) ask(r *result, src cu.DevicePtr, bytes int) error {
	if bytes > 0 {
		if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&r.bytes[faultBytes]), src, int64(bytes), d.stream); err != nil {
			return err
		}
	}
	if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&r.bytes[0]), d.transfers.fault, faultBytes, d.stream); err != nil {
		return err
	}
	return r.event.Record(d.stream)
}

// arrived waits for a result, which may then be used for another one.
func (d *Device) arrived(r *result, host []byte) error {
	if err := r.event.Synchronize(); err != nil {
		return errors.Join(describe(err), d.idle(), r.close())
	}
	copy(host, r.bytes[faultBytes:])
	word := *(*uint64)(unsafe.Pointer(&r.bytes[0]))
	d.results = append(d.results, r)
	return d.transfers.faulty(word)
}

func (r *result) close() error {
	var failures []error
	if r.event != (cu.Event{}) {
		failures = append(failures, cu.DestroyEvent(&r.event))
	}
	if r.bytes != nil {
		failures = append(failures, cu.MemFreeHost(unsafe.Pointer(&r.bytes[0])))
	}
	return errors.Join(failures...)
}
