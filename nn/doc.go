// Package nn defines the operations of which every network in this project is built,
// with shape inference and derivatives; layers made of these operations; and the
// ordered set of parameters that all graphs of a model share.
//
// # Conventions
//
// Images and features are NHWC: (N images, H rows, W columns, C channels).
// Convolution weights are OIHW (out, in/groups, rows, columns) and linear
// weights (out, in), as in PyTorch, so that its checkpoints load by name.
// Labels are int32 and decoded images are uint8. All other values have the float type
// of their graph: float32, or float64 in tests of derivatives.
//
// An operation is a small comparable struct of attributes, without buffers and
// independent of any device. Package engine compiles the graph and gets the kernels from
// a device. Each Node wraps a node of gorgonia, which no other package uses.
// gorgonia.Backpropagate derives the backward graph from the derivatives defined here,
// which are nodes made of the ...Grad operations.
//
// # Errors
//
// Functions that build graphs panic with an *Error if shapes do not match, so that
// model code needs no error checks. Build recovers the panic and returns the error.
package nn
