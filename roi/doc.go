// Package roi is the second stage of Faster R-CNN, the box head: it classifies
// regions of interest (RoIs) and refines their boxes.
//
//	head.go        region features -> class logits and deltas, in the graph
//	sample.go      proposals + ground truth -> sampled RoIs, classes, box targets
//	detections.go  class logits + deltas -> scores, boxes, NMS -> detections
//	config.go      every number, for the presets paper and default
//
// # Shapes
//
//	K   classes of objects; in logits and labels the background is 0, objects 1 to K
//	R   RoIs
//
// Class logits are [R, K+1]. Box deltas are [R, 4*(K+1)], those of class k at
// columns 4k to 4k+3 (the background's are there, as in torchvision, and unused),
// or [R, 4] where the boxes are class-agnostic.
//
// An image may yield no RoIs at all: no proposals and no ground truth. That
// gives empty samples and no detections, and is no error.
package roi
