//go:build !gpu

package main

import (
	"errors"

	"scalenet/engine"
	"scalenet/server"
)

// openGPU returns an error that says how to build a program with GPU support.
func openGPU(int, bool) (engine.Device, error) {
	return nil, errors.New("--device cuda: this program is built without GPU support; make build-cuda in the repository builds bin/scalenet-cuda, which has it (docs/gpu.md)")
}

// gpuFindings returns nothing in a program without GPU support.
func gpuFindings() []finding { return nil }

// gauges returns nothing in a program without GPU support.
func (o *deviceOptions) gauges() []server.Gauge { return nil }
