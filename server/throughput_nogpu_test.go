//go:build !gpu

package server

// gpuThroughputs are none: the tag gpu is not set.
func gpuThroughputs() map[string]throughput { return map[string]throughput{} }
