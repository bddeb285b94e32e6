// Package detector is Faster R-CNN around any backbone: its wiring, its
// configuration, its training step and its use.
//
//	forward.go   the forward pass, which training and inference share
//	config.go    every number, presets paper and default
//	model.go     configuration, classes and parameters; files
//	plans.go     the graphs compiled for a batch of a padded size
//	parts.go     the second graph for parts of the regions
//	detect.go    Detector: images -> boxes
//	pending.go   batches that an asynchronous device computes meanwhile
//	step.go      the losses and gradients of a batch
//	trainer.go   what package train needs to run a training
//	evaluate.go  a data set -> COCO's figures
//
// # Two graphs, or one
//
//	images -> [backbone, RPN head, proposals] -> features, regions
//	       -> [RoIAlign, next stage, box head]  -> class logits, deltas
//	       -> detections                        (package roi)
//
// On the CPU, Go code between the two graphs reads the number of regions, runs the
// second graph on exactly these, and post-processes its output. On a GPU, Go would
// have to wait for that number, so all is one graph: the box head scores as many
// regions of each image as the settings allow, and only the detections are read.
//
// In training, targets are sampled in Go between the graphs, from the regions, and the
// first graph's backward pass runs after the second's, from the gradient of the
// features.
//
// Boxes are in pixels of the network's input and in the configuration's
// convention between the graphs, and in pixels of the upright image and
// continuous in a Detection.
package detector
