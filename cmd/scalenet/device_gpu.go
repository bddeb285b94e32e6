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

// gpuFindings are driver, cuDNN and GPUs. A machine without them is no problem: the program computes on the CPU there.
func gpuFindings() []finding {
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

// gauges are the GPU's memory and how busy it is, which all that runs on it shares; NaN where it can no longer be asked. How busy it is,
// is left out where nobody knows.
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
		{Name: "gpu_memory_used_bytes", Help: "Memory of the GPU in use, by this and other programs.", Value: memory(func(m cuda.MemoryUse) int64 { return m.Total - m.Free })},
		{Name: "gpu_memory_bytes", Help: "Memory of the GPU.", Value: memory(func(m cuda.MemoryUse) int64 { return m.Total })},
	}
	if _, err := cuda.Utilization(ordinal); err != nil {
		return list
	}
	return append(list, server.Gauge{Name: "gpu_utilization_ratio", Help: "Share of the last sample, of up to a second, in which the GPU computed, for this and other programs.",
		Value: func() float64 {
			share, err := cuda.Utilization(ordinal)
			if err != nil {
				return math.NaN()
			}
			return share
		}})
}
