//go:build gpu

package main

import (
	"fmt"
	"math"

	"scalenet/engine"
	"scalenet/engine/cuda"
	"scalenet/server"
)

func openGPU(ordinal int, tf32 bool) (engine.Device, error) {
	return cuda.New(cuda.Options{Ordinal: ordinal, TF32: tf32})
}

// countGPUs returns the number of GPUs that this process sees.
func countGPUs() (int, error) {
	gpus, err := cuda.GPUs()
	return len(gpus), err
}

// gpuMemory returns the memory in bytes of the GPU that is the device.
func gpuMemory(o *deviceOptions) (free, total int64, err error) {
	ordinal, err := o.ordinal()
	if err != nil {
		return 0, 0, err
	}
	m, err := cuda.Memory(ordinal)
	return m.Free, m.Total, err
}

// gpuFindings returns the versions of driver, cuDNN and NCCL, and the GPUs. A machine without GPUs is not a problem: the program runs on the CPU.
func gpuFindings() []finding {
	return append(cudaFindings(), libraryFinding("NCCL", "several GPUs", cuda.NCCL))
}

func cudaFindings() []finding {
	software, err := cuda.Installed()
	if err != nil {
		return []finding{{Topic: "CUDA", Value: "not usable: " + err.Error()}}
	}
	found := []finding{{Topic: "CUDA", Value: fmt.Sprintf("driver for %s, cuDNN %s", cuda.Version(software.Driver), cuda.CUDNNVersion(software.CUDNN))}}
	gpus, err := cuda.GPUs()
	if err != nil {
		return append(found, finding{Topic: "GPUs", Value: "not usable: " + err.Error()})
	}
	for i, g := range gpus {
		text := fmt.Sprintf("%s, compute capability %d.%d, %.1f GiB", g.Name, g.Capability/10, g.Capability%10, float64(g.Bytes)/(1<<30))
		if g.Capability < 80 {
			text += ", no bfloat16"
		}
		found = append(found, finding{Topic: fmt.Sprintf("cuda:%d", i), Value: text})
	}
	return found
}

// gauges returns memory and utilization of the GPU, by all programs. Values are NaN if the GPU no longer responds. Utilization is left
// out if NVML does not support it.
func (o *deviceOptions) gauges() []server.Gauge {
	ordinal, err := o.ordinal()
	if !o.gpu() || err != nil {
		return nil
	}
	memory := func(of func(cuda.MemoryUse) int64) func() float64 {
		return func() float64 {
			m, err := cuda.Memory(ordinal)
			if err != nil {
				return math.NaN()
			}
			return float64(of(m))
		}
	}
	list := []server.Gauge{
		{Name: "gpu_memory_used_bytes", Help: "GPU memory in use, by this and other programs.", Value: memory(func(m cuda.MemoryUse) int64 { return m.Total - m.Free })},
		{Name: "gpu_memory_bytes", Help: "Total GPU memory.", Value: memory(func(m cuda.MemoryUse) int64 { return m.Total })},
	}
	if _, err := cuda.Utilization(ordinal); err != nil {
		return list
	}
	return append(list, server.Gauge{Name: "gpu_utilization_ratio", Help: "Fraction of the last sample period (up to one second) in which the GPU was busy, with this and other programs.",
		Value: func() float64 {
			share, err := cuda.Utilization(ordinal)
			if err != nil {
				return math.NaN()
			}
			return share
		}})
}
