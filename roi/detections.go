package roi

import (
	"fmt"
	"math"

	"scalenet/geom"
)

// Detection is an object that was found.
type Detection struct {
	Box   geom.Box // clipped to the image, in pixels of the network's input
	Class int32    // 1 to K
	Score float32  // in (0, 1]
}

// Detect turns the output of the box head for one image into detections, the
// best-scored first: softmax over the classes, a box a RoI and class scored above
// Score, decoded and clipped to the image, without a side below MinSize, NMS
// within each class, and the PerImage best of all classes.
//
// logits are [R, K+1], deltas [R, Columns(K)] for the R proposals. RoIs whose
// logits or boxes are no numbers give nothing. An error says which length is wrong.
func (c Config) Detect(proposals []geom.Box, logits, deltas []float32, classes int, image geom.Size) ([]Detection, error) {
	columns := c.Columns(classes)
	if len(logits) != (classes+1)*len(proposals) || len(deltas) != columns*len(proposals) {
		return nil, fmt.Errorf("roi detections: %d proposals and %d classes need %d logits and %d deltas, not %d and %d",
			len(proposals), classes, (classes+1)*len(proposals), columns*len(proposals), len(logits), len(deltas))
	}
	var found candidates
	scores := make([]float32, classes+1)
	for r, proposal := range proposals {
		softmax(scores, logits[r*(classes+1):])
		c.candidates(&found, proposal, scores, deltas[r*columns:][:columns], image)
	}
	d := c.Detections
	kept := c.Convention.BatchedNMS(found.boxes, found.scores, found.classes, d.NMSIoU, d.PerImage)
	out := make([]Detection, len(kept))
	for k, i := range kept {
		out[k] = Detection{Box: found.boxes[i], Class: found.classes[i], Score: found.scores[i]}
	}
	return out, nil
}

// candidates are boxes of an image before NMS.
type candidates struct {
	boxes   []geom.Box
	scores  []float32
	classes []int32
}

// candidates adds the boxes of one RoI.
func (c Config) candidates(out *candidates, proposal geom.Box, scores, deltas []float32, image geom.Size) {
	coder, lowest, minSize := c.coder(), float32(c.Detections.Score), float32(c.Detections.MinSize)
	for class := 1; class < len(scores); class++ {
		if !(scores[class] > lowest) {
			continue
		}
		at := 4 * class
		if c.ClassAgnostic {
			at = 0
		}
		box := c.Convention.Clip(coder.Decode(proposal, [4]float32(deltas[at:])), image)
		if c.Convention.AtLeast(box, minSize) { // false for NaN
			out.boxes = append(out.boxes, box)
			out.scores = append(out.scores, scores[class])
			out.classes = append(out.classes, int32(class))
		}
	}
}

// softmax of the first len(out) logits.
func softmax(out, logits []float32) {
	highest := logits[0]
	for _, v := range logits[:len(out)] {
		highest = max(highest, v)
	}
	var sum float64
	for i := range out {
		e := math.Exp(float64(logits[i] - highest))
		out[i] = float32(e)
		sum += e
	}
	for i := range out {
		out[i] = float32(float64(out[i]) / sum)
	}
}
