//go:build !gpu

package main

import (
	"errors"

	"scalenet/engine"
	"scalenet/server"
)

// errNoGPU says how to build a program with GPU support.
var errNoGPU = errors.New("--device cuda: this program is built without GPU support; make build-cuda in the repository builds bin/scalenet-cuda, which has it (docs/gpu.md)")

func openGPU(int, bool) (engine.Device, error) { return nil, errNoGPU }

func countGPUs() (int, error) { return 0, errNoGPU }

func gpuMemory(*deviceOptions) (free, total int64, err error) { return 0, 0, errNoGPU }

// gpuFindings returns nothing in a program without GPU support.
func gpuFindings() []finding { return nil }

// gauges returns nothing in a program without GPU support.
func (o *deviceOptions) gauges() []server.Gauge { return nil }
