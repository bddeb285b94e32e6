package nn

import (
	"cmp"
	"fmt"
	"math"

	"scalenet/geom"
)

// Detections post-processes the output of a box head on R RoIs per image:
//
//	logits (N*R, K+1), deltas (N*R, 4(K+1) or 4), rois (N*R, 5), limits (N, 7)
//	-> (N, Rows, 6): x1, y1, x2, y2, score, class from 1 to K
//
// The detections of each image are in descending score; unused rows are padding of zeros, that is of class 0. The RoIs are the output of Proposals; rows
// of image -1 are skipped. Each row of limits is a DetectionLimits. Detections have no derivative. The output is that of Find for each image, except
// for the last bit of the exponential function.
type Detections struct {
	Coder geom.Coder
	Rows  int
}

// DetectionLimits are the post-processing parameters of one image.
type DetectionLimits struct {
	Image    geom.Size
	MinSize  float64 // minimum width and height in pixels
	NMSIoU   float64 // IoU threshold of the NMS within each class
	PerImage int     // maximum number of detections, at most Rows
	Score    float64 // detections have a higher score
	// Divisor divides the boxes before NMS; 0 counts as 1. jwyang's detector divides by the resize factor, so that the last pixel of its inclusive boxes is
	// one of the image and not of the model input.
	Divisor float64
}

// Row returns the parameters as a row of the operation's input.
func (l DetectionLimits) Row() []float32 {
	return limitsRow(l.Image, l.MinSize, l.NMSIoU, l.PerImage, float32(l.Score), l.divisor())
}

func (l DetectionLimits) divisor() float32 {
	if l.Divisor == 0 {
		return 1
	}
	return float32(l.Divisor)
}

func detectionLimitsOf(row []float32) DetectionLimits {
	return DetectionLimits{geom.Size{W: int(row[0]), H: int(row[1])}, float64(row[2]), float64(row[3]), int(row[4]), float64(row[5]), float64(row[6])}
}

// detectionRow is the length of the row of a detection.
const detectionRow = 6

// Detection is a detected object.
type Detection struct {
	Box   geom.Box // clipped to the image, in its pixels divided by DetectionLimits.Divisor
	Class int32    // 1 to K
	Score float32  // in (0, 1]
}

// DetectionsOf returns the detections in the output rows of one image.
func DetectionsOf(rows []float32) (found []Detection) {
	for ; len(rows) > 0 && rows[5] > 0; rows = rows[detectionRow:] {
		found = append(found, Detection{geom.Box{X1: rows[0], Y1: rows[1], X2: rows[2], Y2: rows[3]}, int32(rows[5]), rows[4]})
	}
	return found
}

// OutShape implements Op.
func (d Detections) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 4, 4); err != nil {
		return nil, err
	}
	if err := cmp.Or(wantDims("logits", in[0], 2), wantDims("deltas", in[1], 2), wantDims("limits", in[3], 2)); err != nil {
		return nil, err
	}
	rows, classes, n := in[0][0], in[0][1]-1, in[3][0]
	if d.Rows < 1 || classes < 1 || n < 1 || rows%n != 0 {
		return nil, fmt.Errorf("%d output rows, %d classes, %d RoIs of %d images: want at least 1 of each, and the same number of RoIs per image", d.Rows, classes, rows, n)
	}
	columns := 4
	if in[1][1] != 4 { // a box for each class
		columns = 4 * (classes + 1)
	}
	return Shape{n, d.Rows, detectionRow}, cmp.Or(
		wantShape("deltas", in[1], rows, columns),
		wantShape("regions", in[2], rows, 5),
		wantShape("limits", in[3], n, Limits))
}

// Roles implements Roler.
func (Detections) Roles(n int) ([]Role, Role) { return Reads(n, Full, Full, Full, Full), Full }

// NoDerivative says why there is none.
func (Detections) NoDerivative() string {
	return "detections are constants: their choice has no derivative"
}

// Fill computes the operation: inputs and output have the shapes in the documentation of Detections.
func (d Detections) Fill(logits, deltas, regions, limits, out []float32) {
	n, rows := len(limits)/Limits, len(regions)/5
	for i := range n {
		image := part(out, i, n)
		clear(image)
		var boxes []geom.Box
		var scores, offsets []float32 // of the rows that are not padding
		for r := i * rows / n; r < (i+1)*rows/n; r++ {
			if region := regions[5*r : 5*r+5]; region[0] >= 0 {
				boxes = append(boxes, geom.Box{X1: region[1], Y1: region[2], X2: region[3], Y2: region[4]})
				scores, offsets = append(scores, part(logits, r, rows)...), append(offsets, part(deltas, r, rows)...)
			}
		}
		l := detectionLimitsOf(limits[i*Limits:])
		l.PerImage = min(l.PerImage, d.Rows)
		for k, x := range d.Find(boxes, scores, offsets, l) {
			copy(image[k*detectionRow:], []float32{x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2, x.Score, float32(x.Class)})
		}
	}
}

// Find returns the detections of one image in descending score:
//
//   - Apply softmax over the classes, and take the pairs of RoI and class with a score above Score.
//   - Decode their boxes, clip them to the image, and drop boxes with a width or height below MinSize. Divide the others by Divisor.
//   - Apply NMS within each class, and keep the PerImage highest-scored boxes of all classes.
//
// Equal scores are in order of RoIs, then of classes. RoIs with NaN logits or boxes give no detections.
func (d Detections) Find(regions []geom.Box, logits, deltas []float32, l DetectionLimits) []Detection {
	var found candidates
	n := len(regions)
	scores := make([]float32, len(logits)/max(n, 1))
	for r, region := range regions {
		softmax(scores, part(logits, r, n))
		found.add(d.Coder, region, scores, part(deltas, r, n), l)
	}
	kept := d.Coder.Convention.BatchedNMS(found.boxes, found.scores, found.classes, l.NMSIoU, l.PerImage)
	out := make([]Detection, len(kept))
	for k, i := range kept {
		out[k] = Detection{Box: found.boxes[i], Class: found.classes[i], Score: found.scores[i]}
	}
	return out
}

// candidates are the boxes of an image before NMS.
type candidates struct {
	boxes   []geom.Box
	scores  []float32
	classes []int32
}

// add adds the boxes of one RoI. Its deltas are per class, or four for all classes.
func (out *candidates) add(coder geom.Coder, region geom.Box, scores, deltas []float32, l DetectionLimits) {
	lowest, minSize, divisor := float32(l.Score), float32(l.MinSize), l.divisor()
	for class := 1; class < len(scores); class++ {
		if !(scores[class] > lowest) {
			continue
		}
		at := 0
		if len(deltas) > 4 {
			at = 4 * class
		}
		box := coder.Convention.Clip(coder.Decode(region, [4]float32(deltas[at:])), l.Image)
		if coder.Convention.AtLeast(box, minSize) { // false for NaN
			out.boxes = append(out.boxes, geom.Box{X1: box.X1 / divisor, Y1: box.Y1 / divisor, X2: box.X2 / divisor, Y2: box.Y2 / divisor})
			out.scores = append(out.scores, scores[class])
			out.classes = append(out.classes, int32(class))
		}
	}
}

// softmax writes the softmax of logits to scores.
func softmax(scores, logits []float32) {
	highest := logits[0]
	for _, v := range logits {
		highest = max(highest, v)
	}
	var sum float64
	for i := range scores {
		e := math.Exp(float64(logits[i] - highest))
		scores[i] = float32(e)
		sum += e
	}
	for i := range scores {
		scores[i] = float32(float64(scores[i]) / sum)
	}
}
