// Package assign decides what a detector's boxes are trained on: which ground
// truth box each anchor or proposal stands for, and which of them a training
// step samples. It is written once and serves the region proposal network
// and the box head, as in detectron2 and torchvision.
//
//	GroundTruth  the boxes of an image, cleaned: crowds apart, no box without area
//	Matcher      boxes x ground truth -> the matched box, Background or Ignored
//	Sampler      labels -> a balanced random sample of positives and negatives
//
// One rule differs from torchvision's Matcher on purpose: a ground truth box that
// no candidate overlaps at all matches nothing. There, its best overlap is 0,
// every candidate of overlap 0 ties for it, and the whole background of the
// image turns into foreground.
package assign
