// Package ref is the reference device: every operation of nn and engine as plain Go
// loops, slow and simple. Tests compare the kernels of other devices with it. In a build
// without other devices, it can run small networks.
//
// # Arithmetic
//
// Tensors hold float32, float64 or bfloat16; a kernel reads them as float64,
// computes in float64 throughout and rounds the result once, to nearest even.
// A fused operation is the composition of the plain operations without rounding in
// between. So the result differs from the exact one by at most half a unit in the last
// place of the output, for sums of any length.
//
// The coordinates of [nn.RoIAlign] are an exception: they are computed in the type of the
// RoIs. The number of sampling points and the border of the feature map are
// discontinuous in them, so more exact coordinates would give other results. For the same
// reason [nn.Proposals] and [nn.Detections] are computed in float32, by their methods.
//
// An operation may have float32 and bfloat16 inputs (activations in bfloat16, parameters
// and RoIs in float32). Only engine.Cast mixes float64 with another float type.
//
// # Caveats
//
// Each kernel call converts its inputs and allocates its result, so output and inputs may
// share memory in any way. Nothing is parallel. Every run checks labels and RoIs: a label
// that is not a class, and a RoI whose image is not in the batch, are errors.
package ref
