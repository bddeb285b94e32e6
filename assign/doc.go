// Package assign matches anchors or proposals with ground-truth boxes, and samples
// those that a training step uses. The RPN and the box head share it, as in
// detectron2 and torchvision.
//
//	truth.go    GroundTruth: the boxes of an image without degenerate boxes, crowds apart
//	matcher.go  Matcher: boxes x ground truth -> matched box, Background or Ignored
//	sampler.go  Sampler: labels -> a random sample of positives and negatives
//
// One rule differs from torchvision's Matcher on purpose: a ground-truth box that
// overlaps no candidate matches nothing. In torchvision, the highest IoU of such a box
// is 0, all candidates with IoU 0 tie for it, and all background becomes foreground.
package assign
