//go:build gpu

package server

import (
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/engine/cuda"
)

// gpuThroughputs are those of the first GPU, with clients enough to fill the next batch while one is computed. How far the server stays behind
// is up to the processors, which decode its images: there is no bound.
func gpuThroughputs() map[string]throughput {
	open := func(features engine.DType) func(*detector.Model) (*detector.Detector, func(), error) {
		return func(m *detector.Model) (*detector.Detector, func(), error) {
			dev, err := cuda.New(cuda.Options{})
			if err != nil {
				return nil, nil, err
			}
			d := detector.NewDetector(m, dev, detector.Options{Features: features})
			return d, func() { d.Close(); dev.Close() }, nil
		}
	}
	return map[string]throughput{
		"cuda-f32": {open(engine.Float32), 8, 24, 0},
		"cuda-f16": {open(engine.Float16), 8, 24, 0},
	}
}
