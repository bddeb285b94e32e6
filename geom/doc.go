// Package geom implements the geometry of axis-aligned boxes in image pixels: IoU,
// clipping, flipping, box deltas, non-maximum suppression (NMS) and top k.
//
//	box.go    Box, Size, Convention; area, clipping, flipping
//	coder.go  boxes <-> deltas
//	iou.go    intersection, IoU, coverage
//	nms.go    NMS and class-wise NMS
//	grid.go   spatial index for NMS of many boxes
//	order.go  top k
//
// # Convention
//
// Detectors define x2 and y2 differently. Functions that depend on the definition are
// methods of Convention, or of a type with a Convention field:
//
//   - Continuous: corners are points of the plane, width = x2 - x1. torchvision,
//     detectron2, COCO.
//   - Inclusive: corners are pixel indices and the last pixel belongs to the
//     box, width = x2 - x1 + 1. py-faster-rcnn and its descendants (preset paper).
//
// # Arithmetic
//
// Boxes and deltas are float32. Operations have torchvision's order and precision, so
// that the results are torchvision's: IoU and NMS bit for bit, decoded boxes within the
// last bit of exp and log. Products are converted to float32 explicitly, which keeps
// the compiler from fusing them into multiply-adds on other CPUs.
//
// # Degenerate boxes
//
// No function panics on the values of a box:
//
//   - A box whose width or height is not positive has IoU 0 with every box (in
//     torchvision NaN, if both areas are 0). NMS keeps it, and it suppresses no other box.
//   - A box with NaN, or with an area that is infinite in float32, has IoU 0 with every
//     box. NMS keeps it, and it suppresses no other box. Clip keeps NaN and clamps
//     infinite corners to the image border.
//   - A NaN score comes last in TopK and NMS (in torch first).
//
// Use Finite and Convention.AtLeast to drop such boxes.
package geom
