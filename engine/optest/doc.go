// Package optest is the table of operations that every device is tested with:
// all of nn's and of engine's fused ones, on shapes that break kernels (odd
// channel counts, sides of one, batches of one and more, strides, dilation,
// groups), and the comparison of a device with the reference on it.
//
//	func TestOperations(t *testing.T) {
//		optest.Run(t, ref.New(ref.Options{}), device, optest.Options{Features: []engine.DType{engine.BFloat16}})
//	}
//
// [ComparePlans] compares whole plans of random graphs: what fusion, shared
// memory and types between steps can get wrong.
//
// # What is compared
//
// Each case is run with fresh memory, again, in place for every input that
// engine.InPlace allows, after a change of its parameters, and, with
// Options.Features, with features in shorter types. The output memory is filled with
// values that no case produces before the run and has a margin after its end,
// which must stay. The second run must give the same bits as the first.
//
// # Tolerances
//
// The largest difference allowed is a part of the output's scale, its largest
// magnitude in the oracle: none for operations that move or choose values, see
// [Tolerance] for the others.
//
// # Values
//
// Inputs are functions of the case's name and the element's index in integer
// arithmetic, so that testdata/golden.py makes the same ones for PyTorch. The
// numbers it wrote are compared with the reference device in this package's
// tests, and so are derivatives with finite differences.
package optest
