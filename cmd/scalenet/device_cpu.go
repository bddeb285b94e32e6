//go:build !gpu

package main

import (
	"errors"

	"scalenet/engine"
	"scalenet/server"
)

// openGPU says where a program is that has GPUs.
func openGPU(int, bool) (engine.Device, error) {
	return nil, errors.New("--device cuda: this program computes on the CPU only; make build-cuda in the repository builds bin/scalenet-cuda, the same program with GPUs (docs/gpu.md)")
}

// gpuFindings has nothing to say of GPUs.
func gpuFindings() []finding { return nil }

// gauges of a GPU there are none.
func (o *deviceOptions) gauges() []server.Gauge { return nil }
