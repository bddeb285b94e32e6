//go:build gpu

package cuda

// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"scalenet/engine"

	"gorgonia.org/cu"
)

// recording is kernels as a CUDA graph: one call of the driver puts all of them into the stream.
type recording struct {
	device  *Device
	kernels []*kernel
	graph   C.CUgraphExec
	shared  cu.DevicePtr // where the shared memory was when it was recorded
}

// Record implements engine.Recorder. Drivers before CUDA 11.4 cannot, nor can any algorithm of cuDNN that the stream's capture refuses:
// such kernels run one by one. It runs on the device's thread.
func (d *Device) Record(kernels []engine.Kernel) engine.Kernel {
	r := &recording{device: d}
	for _, k := range kernels {
		own, ok := k.(*kernel)
		if !ok || own.device != d {
			return nil
		}
		r.kernels = append(r.kernels, own)
	}
	if r.refresh() != nil || r.capture() != nil {
		return nil
	}
	return r
}

// capture records what the kernels put into the stream.
func (r *recording) capture() error {
	stream := C.CUstream(unsafe.Pointer(r.device.stream.C()))
	if status := C.cuStreamBeginCapture(stream, C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL); status != C.CUDA_SUCCESS {
		return fmt.Errorf("cuStreamBeginCapture: error %d", int(status))
	}
	var failure error
	for _, k := range r.kernels {
		if failure = k.enqueue(); failure != nil {
			break
		}
	}
	var graph C.CUgraph
	status := C.cuStreamEndCapture(stream, &graph)
	if graph != nil {
		defer C.cuGraphDestroy(graph)
	}
	if failure != nil || status != C.CUDA_SUCCESS {
		return errors.Join(failure, fmt.Errorf("cuStreamEndCapture: error %d", int(status)))
	}
	if status := C.cuGraphInstantiateWithFlags(&r.graph, graph, 0); status != C.CUDA_SUCCESS {
		r.graph = nil
		return fmt.Errorf("cuGraphInstantiate: error %d", int(status))
	}
	r.shared = r.device.shared
	return nil
}

// refresh brings up to date what depends on parameters.
func (r *recording) refresh() error {
	for _, k := range r.kernels {
		if err := k.refresh(); err != nil {
			return err
		}
	}
	return nil
}

// Run implements engine.Kernel.
func (r *recording) Run() error {
	if err := r.refresh(); err != nil {
		return err
	}
	if r.shared != r.device.shared { // a later kernel needed more of it
		r.release()
		if err := r.capture(); err != nil {
			return fmt.Errorf("cuda: %w", err)
		}
	}
	stream := C.CUstream(unsafe.Pointer(r.device.stream.C()))
	if status := C.cuGraphLaunch(r.graph, stream); status != C.CUDA_SUCCESS {
		return fmt.Errorf("cuda: the GPU failed (error %d of cuGraphLaunch): the program must be started anew", int(status))
	}
	return nil
}

// release waits for the graph's last run and frees it.
func (r *recording) release() {
	if r.graph != nil && r.device.stream.Synchronize() == nil {
		C.cuGraphExecDestroy(r.graph)
	}
	r.graph = nil
}

// Close implements engine.Kernel; the kernels are closed by themselves.
func (r *recording) Close() {
	r.device.Do(func() error { r.release(); return nil })
}
