//go:build gpu

package cuda

// #include "library.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"

	"gorgonia.org/cu"
)

// GPU describes a device of the machine.
type GPU struct {
	Name       string
	Capability int // 80 is compute capability 8.0
	Bytes      int64
}

// Software is what the device was built for and found: versions as the libraries give them, 12090 of the driver and 8907 of cuDNN.
type Software struct{ Driver, CUDNN int }

// Installed looks for the driver and cuDNN.
func Installed() (s Software, err error) {
	opening.Lock()
	defer opening.Unlock()
	var m message
	if C.sn_driver_open(m.c()) != 0 {
		return s, errors.New(m.String())
	}
	if s.Driver = cu.Version(); s.Driver < minDriver {
		return s, fmt.Errorf("the NVIDIA driver is for CUDA %s, %s is needed: install a newer driver", Version(s.Driver), Version(minDriver))
	}
	s.CUDNN, err = findCUDNN()
	return s, err
}

// findCUDNN loads the library.
func findCUDNN() (int, error) {
	var m message
	var version C.size_t
	if C.sn_cudnn_find(&version, m.c()) != 0 {
		return 0, errors.New(m.String())
	}
	if version < minCUDNN {
		return 0, fmt.Errorf("cuDNN is %s, %s is needed: install a newer one", CUDNNVersion(int(version)), CUDNNVersion(minCUDNN))
	}
	return int(version), nil
}

// GPUs lists the GPUs.
func GPUs() ([]GPU, error) {
	if _, err := Installed(); err != nil {
		return nil, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, describe(err)
	}
	all := make([]GPU, n)
	for i := range all {
		if all[i], err = inspect(cu.Device(i)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func inspect(d cu.Device) (g GPU, err error) {
	var major, minor int
	if g.Name, err = d.Name(); err != nil {
		return g, describe(err)
	}
	if g.Bytes, err = d.TotalMem(); err != nil {
		return g, describe(err)
	}
	if major, err = d.Attribute(cu.ComputeCapabilityMajor); err != nil {
		return g, describe(err)
	}
	if minor, err = d.Attribute(cu.ComputeCapabilityMinor); err != nil {
		return g, describe(err)
	}
	g.Capability = 10*major + minor
	return g, nil
}

// MemoryUse is how much memory a GPU has, in bytes, and how much of it is free.
type MemoryUse struct{ Free, Total int64 }

// Memory asks a GPU, on a thread that has nothing to do with its devices'.
func Memory(ordinal int) (m MemoryUse, err error) {
	if _, err := find(ordinal); err != nil {
		return m, fmt.Errorf("cuda: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	context, err := cu.Device(ordinal).RetainPrimaryCtx()
	if err != nil {
		return m, fmt.Errorf("cuda: %w", describe(err))
	}
	defer func() {
		err = errors.Join(err, cu.SetCurrentContext(cu.CUContext{}), cu.Device(ordinal).ReleasePrimaryCtx())
	}()
	if err := cu.SetCurrentContext(context); err != nil {
		return m, fmt.Errorf("cuda: %w", describe(err))
	}
	if m.Free, m.Total, err = cu.MemInfo(); err != nil {
		return m, fmt.Errorf("cuda: %w", describe(err))
	}
	return m, nil
}

// find is the GPU of a number.
func find(ordinal int) (GPU, error) {
	all, err := GPUs()
	if err != nil {
		return GPU{}, err
	}
	if ordinal < 0 || ordinal >= len(all) {
		return GPU{}, fmt.Errorf("no GPU %d: this machine has %d, numbered from 0", ordinal, len(all))
	}
	return all[ordinal], nil
}

// Version is "12.9" for 12090, as CUDA numbers its own.
func Version(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// CUDNNVersion is "8.9.7" for 8907 and "9.1.0" for 90100.
func CUDNNVersion(v int) string {
	if v >= 10000 {
		return fmt.Sprintf("%d.%d.%d", v/10000, v%10000/100, v%100)
	}
	return fmt.Sprintf("%d.%d.%d", v/1000, v%1000/100, v%100)
}
