package assign

import (
	"fmt"

	"scalenet/geom"
)

// GroundTruth is what is known about one image, in the pixels of the network's
// input.
type GroundTruth struct {
	Boxes   []geom.Box // the objects: finite, of positive area
	Classes []int32    // their classes from 1 on; 0 is the background
	Crowds  []geom.Box // regions of many objects that are not boxed one by one
}

// NewGroundTruth sorts annotated boxes into objects and crowds and leaves out
// boxes of no area. crowd may be nil for no crowds. An error names the first box
// that is not finite or has a class below 1.
func NewGroundTruth(boxes []geom.Box, classes []int32, crowd []bool, convention geom.Convention) (GroundTruth, error) {
	if len(classes) != len(boxes) || crowd != nil && len(crowd) != len(boxes) {
		return GroundTruth{}, fmt.Errorf("ground truth: %d boxes, %d classes, %d crowd flags", len(boxes), len(classes), len(crowd))
	}
	var truth GroundTruth
	for i, b := range boxes {
		switch {
		case !b.Finite():
			return GroundTruth{}, fmt.Errorf("ground truth: box %d is not finite: %v", i, b)
		case classes[i] < 1:
			return GroundTruth{}, fmt.Errorf("ground truth: class %d of box %d is below 1", classes[i], i)
		case convention.Area(b) == 0:
		case crowd != nil && crowd[i]:
			truth.Crowds = append(truth.Crowds, b)
		default:
			truth.Boxes = append(truth.Boxes, b)
			truth.Classes = append(truth.Classes, classes[i])
		}
	}
	return truth, nil
}

// InCrowd reports whether at least share of the box lies in one of the crowds,
// so that it is no good example of background. Share 0 means never.
func (t GroundTruth) InCrowd(box geom.Box, share float64, convention geom.Convention) bool {
	if share <= 0 {
		return false
	}
	for _, region := range t.Crowds {
		if convention.Coverage(box, region) >= float32(share) {
			return true
		}
	}
	return false
}
