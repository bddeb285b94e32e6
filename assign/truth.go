package assign

import (
	"fmt"

	"scalenet/geom"
)

// GroundTruth are the annotations of one image, in pixels of the model input.
type GroundTruth struct {
	Boxes   []geom.Box // objects; finite, with positive area
	Classes []int32    // the classes of Boxes, from 1; 0 is the background
	Crowds  []geom.Box // boxes of annotations with iscrowd=1
}

// NewGroundTruth splits annotated boxes into objects and crowds, and drops zero-area boxes. crowd[i] is iscrowd of box i; nil means no crowds. The
// error names the first box with a NaN or infinite coordinate or a class below 1.
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

// InCrowd reports whether at least this fraction of the box's area lies in one crowd region, so that the box should not be trained as
// background. It returns false if fraction is 0.
func (t GroundTruth) InCrowd(box geom.Box, fraction float64, convention geom.Convention) bool {
	if fraction <= 0 {
		return false
	}
	for _, region := range t.Crowds {
		if convention.Coverage(box, region) >= float32(fraction) {
			return true
		}
	}
	return false
}
