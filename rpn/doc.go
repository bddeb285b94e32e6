// Package rpn is the region proposal network of Faster R-CNN. For every anchor on the
// feature maps, it predicts objectness and box deltas, and from these it selects proposals.
//
//	config.go     settings, presets default and paper
//	head.go       features -> objectness and deltas, in the graph
//	anchors.go    the anchor boxes of every cell of a feature map
//	proposals.go  objectness and deltas -> decode, clip, NMS -> proposals
//	targets.go    ground truth -> labels, sampled anchors, regression targets
//
// # Shapes
//
//	H, W   height and width of a feature map in cells
//	A      anchors per cell: sizes times ratios, ratio by ratio
//	N      H*W*A anchors of an image; anchor a of cell (y, x) is (y*W + x)*A + a
//
// All arrays are of one image and in NHWC order, the order of the head's output:
//
//   - The deltas dx, dy, dw, dh of anchor a are channels 4a to 4a+3 of its cell.
//   - Objectness of kind sigmoid has A channels, one logit per anchor.
//   - Objectness of kind softmax has 2A channels: a for background and A+a for
//     foreground, as in jwyang/faster-rcnn.pytorch.
//
// A batch pads its images to a common size. As in torchvision, anchors also cover the
// padding, while clipping and Inside use the size of the image without padding.
package rpn
