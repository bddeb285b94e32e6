package cpu

// #cgo CFLAGS: -I${SRCDIR}/internal/native -I${SRCDIR}/internal/int8
// #cgo LDFLAGS: -ldnnl -lgomp -Wl,--unresolved-symbols=ignore-all
// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"scalenet/engine"
	_ "scalenet/engine/cpu/internal/native" // the functions of kernels.h
)

// Options of a device.
type Options struct {
	// Threads that compute, at most [MaxThreads]; 0 is GOMAXPROCS.
	Threads int
}

// MaxThreads is the maximum number of threads of a device. The largest computers have some hundred processors. Every thread has a stack and scratch
// memory of its own, and OpenMP ends the program if the system refuses it a thread.
const MaxThreads = 1024

// Device is the processor as an engine.Device.
type Device struct {
	threads      int
	kernels      engine.Kernels[*compiler]
	capabilities engine.Capabilities
	handle       *C.sn_device
	bytes        []*packedBytes // weights of kernels on bytes
	scratch      *memory        // of kernels on bytes
	thread       *engine.Thread // OpenMP's pool belongs to it
}

var _ engine.Device = (*Device)(nil)

var errClosed = errors.New("cpu: the device is closed")

// New starts a device.
func New(o Options) (*Device, error) {
	if o.Threads < 0 || o.Threads > MaxThreads {
		return nil, fmt.Errorf("cpu: Options.Threads is %d: want 0 (GOMAXPROCS) to %d", o.Threads, MaxThreads)
	}
	if o.Threads == 0 {
		o.Threads = min(runtime.GOMAXPROCS(0), MaxThreads)
	}
	d := &Device{threads: o.Threads, kernels: kernels()}
	var err error
	if d.thread, err = engine.NewThread(errClosed, d.open, func() error {
		if d.scratch != nil {
			d.Free(d.scratch)
		}
		C.sn_device_free(d.handle)
		return nil
	}); err != nil {
		return nil, err
	}
	d.capabilities = engine.Capabilities{
		Fuses: true, ReadsHostMemory: true,
		BFloat16: d.bfloat16(), Float16: errors.New("cpu does not compute in float16"),
	}
	return d, nil
}

func (d *Device) open() error {
	C.sn_set_threads(C.int(d.threads))
	var message message
	if d.handle = C.sn_device_new(message.c()); d.handle == nil {
		return fmt.Errorf("cpu: %s", &message)
	}
	return nil
}

// Do implements engine.Device. Called on the device's own thread, it just runs f.
func (d *Device) Do(f func() error) error { return d.thread.Do(f) }

// Name implements engine.Device.
func (d *Device) Name() string { return "cpu" }

// Capabilities implements engine.Device.
func (d *Device) Capabilities() engine.Capabilities { return d.capabilities }

// Sync implements engine.Device: calls return when their work is done.
func (d *Device) Sync() error { return nil }

// bfloat16 is nil where the CPU has AVX-512: only there has oneDNN bfloat16.
func (d *Device) bfloat16() (err error) {
	d.Do(func() error {
		if C.sn_device_bfloat16(d.handle) == 0 {
			err = fmt.Errorf("cpu: oneDNN does not compute in bfloat16 on this processor (it has %s, AVX-512 is needed)", C.GoString(C.sn_onednn_isa()))
		}
		return nil
	})
	return err
}

// Threads is the number of threads that compute.
func (d *Device) Threads() int { return d.threads }

// Close implements engine.Device. Kernels must be closed before.
func (d *Device) Close() error { return d.thread.Close() }

// Packed is the number of packed weights that kernels hold.
func (d *Device) Packed() (n int) {
	d.Do(func() error { n = int(C.sn_device_packed(d.handle)); return nil })
	return n
}

// Version is oneDNN's, such as "2.6.3".
func Version() string {
	var v [3]C.int
	C.sn_onednn_version(&v[0])
	return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
}

// ISA names the instruction sets in use: oneDNN's and that of the loops.
func ISA() string { return C.GoString(C.sn_onednn_isa()) + ", loops " + C.GoString(C.sn_isa()) }

// SpinCountSet says whether this program set libgomp's spin count (see the
// package's caveats).
func SpinCountSet() bool { return C.sn_spin_count_set() != 0 }

// message is where C functions put the text of an error.
type message [C.SN_ERROR]C.char

func (m *message) c() *C.char     { return &m[0] }
func (m *message) String() string { return C.GoString(&m[0]) }

// memory is a block of the process's memory: allocated here, or a slice of the
// host's that stays pinned and is only read.
type memory struct {
	at     unsafe.Pointer // nil once freed
	bytes  int
	pinned *runtime.Pinner // nil for what is allocated here
	parts  []*memory
	isPart bool // goes with the whole
}

func (m *memory) Bytes() int { return m.bytes }

// Alloc implements engine.Device.
func (d *Device) Alloc(bytes int) (engine.Memory, error) {
	if bytes < 0 {
		return nil, fmt.Errorf("cpu: allocation of %d bytes", bytes)
	}
	at := C.sn_alloc(C.size_t(bytes))
	if at == nil {
		return nil, &engine.MemoryError{Device: "cpu", Bytes: bytes}
	}
	return &memory{at: at, bytes: bytes}, nil
}

// Part implements engine.Device.
func (d *Device) Part(whole engine.Memory, from, bytes int) (engine.Memory, error) {
	if err := errors.Join(usable(whole, 0), writable(whole), engine.CheckPart(whole, from, bytes)); err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	m := whole.(*memory)
	part := &memory{at: unsafe.Add(m.at, from), bytes: bytes, isPart: true}
	m.parts = append(m.parts, part)
	return part, nil
}

// Map implements engine.Device. Memory that is never freed is let go of when
// nothing refers to it any more.
func (d *Device) Map(host any) (engine.Memory, error) {
	b, err := engine.HostBytes(host)
	if err != nil {
		return nil, fmt.Errorf("cpu: %w", err)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("cpu: nothing to map in an empty %T", host)
	}
	m := &memory{at: unsafe.Pointer(unsafe.SliceData(b)), bytes: len(b), pinned: new(runtime.Pinner)}
	m.pinned.Pin(m.at)
	runtime.AddCleanup(m, (*runtime.Pinner).Unpin, m.pinned)
	return m, nil
}

// Free implements engine.Device.
func (d *Device) Free(m engine.Memory) {
	b, ok := m.(*memory)
	switch {
	case !ok || b.at == nil || b.isPart:
		return
	case b.pinned != nil:
		b.pinned.Unpin()
	default:
		C.sn_free(b.at, C.size_t(b.bytes))
	}
	for _, part := range b.parts {
		part.at = nil
	}
	b.at, b.parts = nil, nil
}

var errReadOnly = errors.New("cpu: this memory is the host's, to be read only")

// writable is an error for memory that Map gave.
func writable(ms ...engine.Memory) error {
	for _, m := range ms {
		if b, ok := m.(*memory); ok && b.pinned != nil {
			return errReadOnly
		}
	}
	return nil
}

// usable is an error for what is not this device's memory, freed or short.
func usable(m engine.Memory, bytes int) error {
	b, ok := m.(*memory)
	switch {
	case !ok:
		return fmt.Errorf("%T is another device's memory", m)
	case b.at == nil:
		return errors.New("memory used after it was freed")
	case bytes > b.bytes:
		return fmt.Errorf("%d bytes for memory of %d", bytes, b.bytes)
	}
	return nil
}

// transfer gives both sides of a Write or Read of a slice.
func transfer(m engine.Memory, data any) (device, host []byte, err error) {
	host, err = engine.HostBytes(data)
	if err != nil {
		return nil, nil, fmt.Errorf("cpu: %w", err)
	}
	if err := usable(m, len(host)); err != nil {
		return nil, nil, fmt.Errorf("cpu: %w", err)
	}
	return unsafe.Slice((*byte)(m.(*memory).at), len(host)), host, nil
}

// Write implements engine.Device.
func (d *Device) Write(dst engine.Memory, src any) error {
	device, host, err := transfer(dst, src)
	switch {
	case err != nil:
		return err
	case dst.(*memory).pinned == nil:
		copy(device, host)
	case unsafe.SliceData(device) != unsafe.SliceData(host):
		return errReadOnly
	}
	return nil
}

// Read implements engine.Device.
func (d *Device) Read(dst any, src engine.Memory) error {
	device, host, err := transfer(src, dst)
	if err == nil {
		copy(host, device)
	}
	return err
}
