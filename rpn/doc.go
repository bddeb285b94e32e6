// Package rpn is the region proposal network of Faster R-CNN: it looks at a
// feature map through anchors and proposes the boxes that may hold an object.
//
//	head.go       features -> objectness and deltas, in the graph
//	anchors.go    the boxes that stand over every cell of the feature map
//	proposals.go  objectness and deltas -> decode, clip, NMS -> proposals
//	targets.go    ground truth -> labels, sampled anchors, regression targets
//	config.go     every number, for the presets paper and default
//
// # Shapes
//
//	H, W   height and width of the feature map in cells
//	A      anchors in a cell: sizes times ratios, ratio by ratio
//	N      H*W*A anchors of an image; anchor a of cell (y, x) is (y*W + x)*A + a
//
// All arrays are those of one image in NHWC order, as the head of the network
// leaves them: deltas of anchor a are channels 4a to 4a+3 of its cell, dx, dy, dw,
// dh; objectness is channel a (sigmoid), or channels a and A+a of 2A, background
// and foreground (softmax, the layout of jwyang/faster-rcnn.pytorch).
//
// An image is padded to the size of the graph that it goes through: anchors
// cover the padding, too, while clipping and Inside use the size of the image
// itself. Both as in torchvision.
package rpn
