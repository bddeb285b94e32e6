//go:build gpu

package cuda

// #cgo CFLAGS: -O2 -Wall
// #cgo LDFLAGS: -Wl,--as-needed -ldl
// #include "library.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"scalenet/engine"

	"gorgonia.org/cu"
)

// Options of a device.
type Options struct {
	// Ordinal is the number of the GPU, from zero.
	Ordinal int
	// TF32 lets float32 products be computed with ten bits of mantissa on the tensor cores of compute capability 8.0 and later.
	TF32 bool
}

// Device is a GPU as an engine.Device.
type Device struct {
	options    Options
	kernels    engine.Kernels[*compiler]
	capability int // 80 is 8.0
	context    cu.CUContext
	stream     cu.Stream // of kernels
	copies     cu.Stream // of what is uploaded beside them
	module     cu.Module
	signatures map[string]string
	functions  map[string]cu.Function
	libraries  *C.sn_library // cuDNN and cuBLAS
	blas       cu.DevicePtr  // cuBLAS's workspace
	shared     cu.DevicePtr  // what kernels need while they run
	sharedSize int
	transfers  *transfers
	uploads    *staging
	results    []*result // that no output is on its way to
	packed     map[packing]*packed
	thread     *engine.Thread // the context is its current one
}

var (
	_ engine.Device   = (*Device)(nil)
	_ engine.Recorder = (*Device)(nil)
	_ engine.Uploader = (*Device)(nil)
)

// The least versions that the device works with: PTX 7.8 is as new as CUDA 11.8.
const (
	minCapability = 70
	minDriver     = 11000
	minCUDNN      = 8000
	blasWorkspace = 32 << 20 // what cuBLAS asks for on compute capability 9.0
)

// opening keeps two devices from binding the libraries at once.
var opening sync.Mutex

var errClosed = errors.New("cuda: the device is closed")

// New opens a GPU.
func New(o Options) (*Device, error) {
	d := &Device{options: o, kernels: kernels(), functions: map[string]cu.Function{}, packed: map[packing]*packed{}}
	var err error
	if d.thread, err = engine.NewThread(errClosed, d.open, d.free); err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	return d, nil
}

// open finds driver and GPU and makes what the device is of, all or nothing.
func (d *Device) open() error {
	err := d.make()
	if err != nil {
		d.free()
	}
	return err
}

func (d *Device) make() error {
	gpu, err := find(d.options.Ordinal)
	if err != nil {
		return err
	}
	d.capability = gpu.Capability
	if gpu.Capability < minCapability {
		return fmt.Errorf("GPU %d (%s) has compute capability %s, %s is needed", d.options.Ordinal, gpu.Name, dotted(gpu.Capability), dotted(minCapability))
	}
	// The primary context: devices of one GPU share it, and cuDNN and cuBLAS load their kernels into it once.
	if d.context, err = cu.Device(d.options.Ordinal).RetainPrimaryCtx(); err != nil {
		return fmt.Errorf("GPU %d (%s) gives no context: %w", d.options.Ordinal, gpu.Name, describe(err))
	}
	if err := cu.SetCurrentContext(d.context); err != nil {
		return describe(err)
	}
	if d.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return describe(err)
	}
	if d.copies, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return describe(err)
	}
	if err := d.loadKernels(); err != nil {
		return err
	}
	if d.uploads, err = newStaging(d.copies); err != nil {
		return err
	}
	if d.transfers, err = newTransfers(d.stream); err != nil {
		return err
	}
	if d.blas, err = d.allocate(blasWorkspace); err != nil {
		return err
	}
	var m message
	opening.Lock()
	defer opening.Unlock()
	d.libraries = C.sn_library_open(C.CUstream(unsafe.Pointer(d.stream.C())), C.uint64_t(d.blas), blasWorkspace, m.c())
	if d.libraries == nil {
		return errors.New(m.String())
	}
	return nil
}

// free gives everything back, in the reverse order.
func (d *Device) free() error {
	if d.context == (cu.CUContext{}) {
		return nil
	}
	var failures []error
	note := func(err error) { failures = append(failures, err) }
	note(d.idle())
	if d.libraries != nil {
		C.sn_library_close(d.libraries)
	}
	for _, p := range []cu.DevicePtr{d.blas, d.shared} {
		if p != 0 {
			note(cu.MemFree(p))
		}
	}
	if d.transfers != nil {
		note(d.transfers.close())
	}
	if d.uploads != nil {
		note(d.uploads.close())
	}
	for _, r := range d.results {
		note(r.close())
	}
	if d.module != (cu.Module{}) {
		note(d.module.Unload())
	}
	for _, s := range []*cu.Stream{&d.copies, &d.stream} {
		if *s != (cu.Stream{}) {
			note(s.Destroy())
		}
	}
	note(cu.Device(d.options.Ordinal).ReleasePrimaryCtx())
	return errors.Join(failures...)
}

// idle waits for all that was asked for.
func (d *Device) idle() error {
	var failures []error
	for _, s := range []cu.Stream{d.copies, d.stream} {
		if s != (cu.Stream{}) {
			failures = append(failures, describe(s.Synchronize()))
		}
	}
	return errors.Join(failures...)
}

// Do implements engine.Device. Called on the device's own thread, it just runs f.
func (d *Device) Do(f func() error) error { return d.thread.Do(f) }

// Name is "cuda:0" for the first GPU.
func (d *Device) Name() string { return fmt.Sprintf("cuda:%d", d.options.Ordinal) }

// Capabilities implements engine.Device. Every GPU that the device takes has float16.
func (d *Device) Capabilities() engine.Capabilities {
	return engine.Capabilities{Fuses: true, BFloat16: d.bfloat16(), Int8: errInt8, Asynchronous: true, PreprocessesImages: true, WholeGraph: true}
}

var errInt8 = errors.New("cuda: int8 is for CPUs")

// Map implements engine.Device.
func (d *Device) Map(any) (engine.Memory, error) {
	return nil, errors.New("cuda: kernels do not read the host's memory")
}

// bfloat16 is nil from compute capability 8.0 on: tensor cores have it from there.
func (d *Device) bfloat16() error {
	if d.capability < 80 {
		return fmt.Errorf("cuda: this GPU has compute capability %s, bfloat16 needs 8.0", dotted(d.capability))
	}
	return nil
}

// Sync implements engine.Device.
func (d *Device) Sync() error {
	return d.Do(func() error { return describe(d.stream.Synchronize()) })
}

// Close implements engine.Device. Kernels and memory must be freed before.
func (d *Device) Close() error { return d.thread.Close() }

// message is where C functions put the text of an error.
type message [C.SN_MESSAGE]C.char

func (m *message) c() *C.char     { return &m[0] }
func (m *message) String() string { return C.GoString(&m[0]) }

// dotted is "8.0" for 80.
func dotted(capability int) string { return fmt.Sprintf("%d.%d", capability/10, capability%10) }

// describe is the driver's error as a sentence: cu names it in one word.
func describe(err error) error {
	switch err {
	case nil:
		return nil
	case cu.OutOfMemory:
		return errors.New("the GPU is out of memory")
	case cu.IllegalAddress, cu.LaunchFailed, cu.MisalignedAddress, cu.HardwareStackError, cu.IllegalInstruction, cu.EccUncorrectable:
		return fmt.Errorf("the GPU failed (%w): the program must be started anew", err)
	}
	return fmt.Errorf("error of the CUDA driver: %w", err)
}
