package nn

import (
	"cmp"
	"fmt"

	"scalenet/geom"
)

// Proposals chooses the regions of each image that may hold an object, out of
// what a region proposal network says of its anchors:
//
//	objectness (N, H, W, A or 2A), deltas (N, H, W, 4A), anchors (H*W*A, 4), limits (N, 6)
//	-> regions (N*Rows, 5): image, x1, y1, x2, y2
//
// Each image has Rows rows, the best region first; rows that are left over have
// image -1. The rows of limits are ProposalLimits. Regions are constants: there is
// no derivative. What is chosen is what Choose chooses, bit for bit but for the
// last bit of an exponential function.
type Proposals struct {
	Coder   geom.Coder
	PerCell int  // anchors a cell, A
	Pairs   bool // 2A logits a cell: A of background, then A of objects
	Rows    int
}

// ProposalLimits are an image's own.
type ProposalLimits struct {
	Image     geom.Size
	MinSize   float64 // shortest side in pixels
	NMSIoU    float64 // regions that overlap a better one by more go
	AfterNMS  int     // the best of what NMS leaves, Rows at most
	BeforeNMS int     // the best anchors that are looked at
}

// Row is the limits as the operation reads them.
func (l ProposalLimits) Row() []float32 {
	return limitsRow(l.Image, l.MinSize, l.NMSIoU, l.AfterNMS, countOf(l.BeforeNMS))
}

func proposalLimitsOf(row []float32) ProposalLimits {
	return ProposalLimits{geom.Size{W: int(row[0]), H: int(row[1])}, float64(row[2]), float64(row[3]), int(row[4]), int(row[5])}
}

// Limits is the length of a row of limits.
const Limits = 6

// limitsRow is what the limits of proposals and detections have in common, and
// one number more.
func limitsRow(image geom.Size, minSize, nmsIoU float64, most int, own float32) []float32 {
	return []float32{float32(image.W), float32(image.H), float32(minSize), geom.Threshold(nmsIoU), countOf(most), own}
}

// countOf is a count as a float32, which holds all up to 2^24: more are not
// counted.
func countOf(n int) float32 { return float32(min(n, 1<<24)) }

// OutShape implements Op.
func (p Proposals) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 4, 4); err != nil {
		return nil, err
	}
	if p.PerCell < 1 || p.Rows < 1 {
		return nil, fmt.Errorf("%d anchors a cell, %d rows: both are positive", p.PerCell, p.Rows)
	}
	if err := wantDims("objectness", in[0], 4); err != nil {
		return nil, err
	}
	n, h, w := in[0][0], in[0][1], in[0][2]
	return Shape{n * p.Rows, 5}, cmp.Or(
		wantShape("objectness", in[0], n, h, w, p.Logits()),
		wantShape("deltas", in[1], n, h, w, 4*p.PerCell),
		wantShape("anchors", in[2], h*w*p.PerCell, 4),
		wantShape("limits", in[3], n, Limits))
}

// Roles implements Roler.
func (Proposals) Roles(n int) ([]Role, Role) { return Reads(n, Full, Full, Full, Full), Full }

// NoDerivative says why there is none.
func (Proposals) NoDerivative() string {
	return "proposals are constants: their choice has no derivative"
}

// Logits is the number of logits a cell.
func (p Proposals) Logits() int {
	if p.Pairs {
		return 2 * p.PerCell
	}
	return p.PerCell
}

// Fill computes the operation, whose inputs and output are given as they lie in
// memory.
func (p Proposals) Fill(objectness, deltas, anchors, limits, regions []float32) {
	n := len(limits) / Limits
	for i := range n {
		l := proposalLimitsOf(limits[i*Limits:])
		l.AfterNMS = min(l.AfterNMS, p.Rows)
		boxes, _ := p.Choose(geom.Boxes(anchors), part(objectness, i, n), part(deltas, i, n), l)
		FillRoIs(part(regions, i, n), i, boxes)
	}
}

// Choose gives the regions of one image, the best first, and their logits: the
// BeforeNMS best anchors are decoded and clipped to the image, those with a side
// below MinSize or a value that is not finite go, and of what NMS leaves the
// AfterNMS best stay. Of equal logits the first is better.
func (p Proposals) Choose(anchors []geom.Box, objectness, deltas []float32, l ProposalLimits) (boxes []geom.Box, logits []float32) {
	if p.Pairs {
		objectness = margins(objectness, p.PerCell)
	}
	convention, minSize := p.Coder.Convention, float32(l.MinSize)
	best := geom.TopK(objectness, l.BeforeNMS)
	boxes, logits = make([]geom.Box, 0, len(best)), make([]float32, 0, len(best))
	for _, i := range best {
		box := convention.Clip(p.Coder.Decode(anchors[i], [4]float32(deltas[4*i:])), l.Image)
		if convention.AtLeast(box, minSize) && objectness[i] == objectness[i] { // false for NaN
			boxes, logits = append(boxes, box), append(logits, objectness[i])
		}
	}
	kept := convention.NMS(boxes, logits, l.NMSIoU, l.AfterNMS)
	for k, i := range kept { // k <= i: best first
		boxes[k], logits[k] = boxes[i], logits[i]
	}
	return boxes[:len(kept)], logits[:len(kept)]
}

// margins brings the two logits of every anchor down to one with the same score:
// the softmax of two numbers is the sigmoid of their difference.
func margins(logits []float32, perCell int) []float32 {
	out := make([]float32, 0, len(logits)/2)
	for ; len(logits) > 0; logits = logits[2*perCell:] {
		for a := range perCell {
			out = append(out, logits[perCell+a]-logits[a])
		}
	}
	return out
}

// NoImage is the image of a row that holds no region.
const NoImage = -1

// FillRoIs writes boxes of an image as rows of five, and marks the rows left over.
func FillRoIs(rows []float32, image int, boxes []geom.Box) {
	clear(rows)
	for i := 0; i < len(rows); i += 5 {
		rows[i] = NoImage
	}
	for i, b := range boxes {
		copy(rows[5*i:], []float32{float32(image), b.X1, b.Y1, b.X2, b.Y2})
	}
}

// RoIBoxes lists the regions in the rows of one image, which begin with them.
func RoIBoxes(rows []float32) (regions []geom.Box) {
	for ; len(rows) > 0 && rows[0] >= 0; rows = rows[5:] {
		regions = append(regions, geom.Box{X1: rows[1], Y1: rows[2], X2: rows[3], Y2: rows[4]})
	}
	return regions
}

// part is the i-th of n equal parts.
func part(values []float32, i, n int) []float32 {
	size := len(values) / n
	return values[i*size : (i+1)*size]
}
