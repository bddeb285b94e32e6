// Package threshold chooses the score threshold of each class from the detections on an annotated data set, and says how certain
// the threshold and its precision, recall and F1 are.
//
// A detection is right if it is matched to an object of its class at IoU 0.5, as COCO's evaluator matches: in descending score, at
// most 100 detections per image and class. Detections that are matched to crowds and other ignored objects do not count.
package threshold
