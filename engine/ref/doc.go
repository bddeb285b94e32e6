// Package ref is the reference device: every operation of nn and engine as
// plain Go loops, slow and obviously right. It is the oracle that the kernels
// of other devices are judged by, and runs a small network where none of them
// is built.
//
// # Arithmetic
//
// Tensors hold float32, float64 or bfloat16; a kernel reads them as float64,
// computes in float64 throughout and rounds the result once, to nearest even.
// A fused operation is the composition of the plain ones without a rounding
// between them. So the reference strays from the true result by half a unit in
// the last place of its output, whatever the length of a sum.
//
// The exceptions are the coordinates of [nn.RoIAlign], which are computed in
// the type of the regions: the number of sampling points and the edge of the
// feature map are steps, and an oracle more exact than float32 would take some
// of them elsewhere. For the same reason [nn.Proposals] and [nn.Detections] are
// computed by their own Go, in float32.
//
// Float64 does not mix with the other float types in one operation, except in
// engine.Cast; float32 and bfloat16 do (bfloat16 features, float32 parameters
// and regions).
//
// # Caveats
//
// Each kernel call converts its inputs and allocates its result, which also
// makes any aliasing of output and inputs safe. Nothing is parallel. Labels and
// regions are checked at every run: a label beyond the classes or a region of
// an image that is not there is an error that names it.
package ref
