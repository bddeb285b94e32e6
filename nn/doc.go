// Package nn is the vocabulary in which every network of this project is
// written: operations on graphs with shape inference and derivatives,
// layers made of them, and the ordered set of parameters they share.
//
// # Conventions
//
// Images and features are NHWC: (N images, H rows, W columns, C channels).
// Convolution weights are OIHW (out, in/groups, rows, columns) and linear
// weights (out, in), as in PyTorch, so that its checkpoints load by name.
// Labels are int32, images that are still to be normalised bytes, everything else has the one float type of its graph
// (float32 in use, float64 where a derivative is checked).
//
// An operation is a small comparable struct of attributes. It holds no buffers
// and knows no device: package engine compiles the graph and asks a device for
// a kernel. Behind a Node is a node of gorgonia's, which no other package sees: gorgonia.Backpropagate derives the backward graph from the
// derivatives given here, which are nodes made of the ...Grad operations.
//
// # Errors
//
// Building a graph is straight-line code, so builders panic with an *Error on
// shapes that do not fit; Build turns that into an error at the package's edge.
package nn
