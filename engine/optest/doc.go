// Package optest compares a device with the reference device on a table of operations:
// all of package nn, and the fused ones of package engine. Their shapes are those that
// break kernels: odd channel counts, height or width 1, batches of one and more, strides,
// dilation, groups.
//
//	func TestOperations(t *testing.T) {
//		optest.Run(t, ref.New(ref.Options{}), device, optest.Options{Features: []engine.DType{engine.BFloat16}})
//	}
//
// [ComparePlans] compares plans of random graphs. It finds errors of fusion, of buffer
// reuse and of element types between steps.
//
// # What is compared
//
// Each case is run several times:
//
//   - with fresh memory, and a second time, which must give the same bits
//   - in place, for every input that engine.InPlace allows
//   - after a change of its parameters
//   - with activations in the 16-bit types of Options.Features
//
// Before each run, the output memory is filled with values that no case produces. A
// margin after its end must not change.
//
// # Tolerances
//
// The maximum difference is a fraction of the output's scale, which is the largest
// magnitude in the reference's output. It is 0 for operations that move or select values;
// see [Tolerance] for the others.
//
// # Values
//
// Inputs are computed from the case's name and the element's index in integer
// arithmetic, so that testdata/golden.py computes the same inputs for PyTorch. This
// package's tests compare the reference device with PyTorch's outputs, and derivatives
// with finite differences.
package optest
