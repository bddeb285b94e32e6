// Package roi is the second stage of Faster R-CNN, the box head. It classifies
// regions of interest (RoIs) and refines their boxes.
//
//	config.go      settings, presets default and paper
//	head.go        RoI features -> box head -> class logits and deltas, in the graph
//	detections.go  class logits + deltas -> scores, boxes, NMS -> detections
//	sample.go      proposals + ground truth -> sampled RoIs, classes, box targets
//
// # Shapes
//
//	K   number of classes; in logits and labels, 0 is the background and 1 to K are the classes
//	R   RoIs
//
// Class logits are [R, K+1]. Box deltas are [R, 4*(K+1)]: columns 4k to 4k+3 are of
// class k. As in torchvision, the columns of the background exist but are unused.
// Class-agnostic box deltas are [R, 4].
//
// An image without proposals and ground truth has no RoIs. Its samples and detections
// are empty, without an error.
package roi
