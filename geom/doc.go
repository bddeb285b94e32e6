// Package geom is the geometry of axis-aligned boxes in image pixels: overlap,
// clipping, flipping, the box coding that a detector regresses, non-maximum
// suppression (NMS) and the choice of the best-scored boxes.
//
// # Convention
//
// Detectors disagree on what x2, y2 mean. Convention is the one place where
// that is decided; every function that depends on it is a method of Convention
// or holds one:
//
//   - Continuous: corners are points of the plane, width = x2 - x1. torchvision,
//     detectron2, COCO.
//   - Inclusive: corners are pixel indices and the last pixel belongs to the
//     box, width = x2 - x1 + 1. py-faster-rcnn and its descendants (preset paper).
//
// # Arithmetic
//
// Boxes and deltas are float32 and the operations are done in torchvision's
// order and precision, so that results are equal to torchvision's: overlaps and
// NMS bit for bit, decoded boxes within the last bit of exp and log. Products are
// rounded explicitly, which keeps a compiler from fusing them into
// multiply-adds on other processors.
//
// # What is not a proper box
//
// No function panics on the values of a box:
//
//   - A box with a side of zero or less has IoU 0 with everything (torchvision:
//     NaN when both areas are 0). NMS neither suppresses it nor lets it suppress.
//   - A box with NaN, or so large that its area is no finite float32, has IoU 0
//     with everything, and NMS treats it likewise. Clip keeps NaN and brings an
//     infinite corner to the border of the image.
//   - A score that is NaN comes last in TopK and NMS (torch puts it first).
//
// Drop such boxes with Finite and Convention.AtLeast where they may arise.
package geom
