// Package onnx writes detectors and classifiers as ONNX models: one graph from the bytes of images to boxes, labels and scores, or to logits.
//
//	detector.go     a detector as a model: inputs, outputs, metadata
//	classifier.go   the same for a classifier
//	model.go        the file
//	builder.go      the graph that is written: operations and constants
//	shapes.go       shapes, parts and indices of values
//	network.go      the network: a walk over the nodes of package nn
//	layers.go       convolutions and BatchNorms
//	resize.go       Resize to the size of another value
//	fit.go          the size to which an image is resized
//	preprocess.go   bytes -> the network's input
//	resample.go     the resizes of Pillow and OpenCV
//	boxes.go        anchors, decoding of deltas, clipping
//	proposals.go    nn.Proposals and nn.TopProposals
//	roialign.go     nn.RoIAlign
//	points.go       nn.RoIAlign of jwyang's detector
//	detections.go   nn.Detections
//
// The network is not defined here a second time: the graph of package nn that the engine runs, box head, proposals and detections included, is
// translated node by node. An operation without an ONNX form is an error that names it.
//
// # Dynamic sizes
//
// A graph of package nn has fixed sizes, an ONNX graph does not. The same network is therefore built for several sizes of the input. A value whose
// size differs between these graphs is dynamic. A Resize to a dynamic size takes that of the nearest earlier value that has the same size in all graphs.
// Values (N, H, W, C) of package nn are (N, C, H, W) here.
package onnx
