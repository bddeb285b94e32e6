// Package detector is Faster R-CNN around any backbone: its wiring, its
// configuration, its training step and its use.
//
//	forward.go   the forward pass, which training and inference share
//	config.go    every number, presets paper and default
//	model.go     configuration, classes and parameters; files
//	plans.go     the two graphs compiled for a batch of a padded size
//	detect.go    Detector: pictures -> boxes
//	step.go      the losses and gradients of a batch
//	trainer.go   what package train needs to run a training
//	evaluate.go  a data set -> COCO's figures
//
// # Two graphs with plain Go between
//
//	images -> [backbone, RPN head] -> features, objectness, deltas
//	       -> proposals                         (package rpn)
//	       -> [RoIAlign, next stage, box head]  -> class logits, deltas
//	       -> detections                        (package roi)
//
// In training, targets are sampled between the graphs, and the first graph's
// backward pass runs after the second's, from the gradient of the features.
//
// Boxes are in pixels of the network's input and in the configuration's
// convention between the graphs, and in pixels of the upright picture and
// continuous in a Detection.
package detector
