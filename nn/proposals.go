package nn

import (
	"cmp"
	"fmt"
	"math"

	"scalenet/geom"
)

// Proposals selects the proposals of each image from the RPN's output:
//
//	objectness (N, H, W, A or 2A), deltas (N, H, W, 4A), anchors (H*W*A, 4), limits (N, 7)
//	-> proposals (N*Rows, 5 or 6): image, x1, y1, x2, y2[, logit]
//
// Each image has Rows rows, in descending score; unused rows are padding with image -1. Each row of limits is a ProposalLimits. Proposals have no
// derivative. The output is that of Choose for each image, except for the last bit of the exponential function.
type Proposals struct {
	Coder    geom.Coder
	PerCell  int  // anchors per cell, A
	Pairs    bool // 2A logits per cell: A for background, then A for foreground
	Rows     int
	Scored   bool    // with the logits, which [TopProposals] needs
	MinScore float64 // minimum of the logits' sigmoid
}

// Columns returns the length of a row of the output.
func (p Proposals) Columns() int {
	if p.Scored {
		return 6
	}
	return 5
}

// MinLogit returns the smallest logit whose sigmoid is at least MinScore, in float32.
func (p Proposals) MinLogit() float32 {
	return float32(math.Log(p.MinScore / (1 - p.MinScore)))
}

// ProposalLimits are the selection parameters of one image.
type ProposalLimits struct {
	Image     geom.Size
	MinSize   float64 // minimum width and height in pixels
	NMSIoU    float64 // IoU threshold of NMS
	AfterNMS  int     // number of highest-scored proposals kept after NMS, at most Rows
	BeforeNMS int     // number of highest-scored anchors before NMS
}

// Row returns the parameters as a row of the operation's input.
func (l ProposalLimits) Row() []float32 {
	return limitsRow(l.Image, l.MinSize, l.NMSIoU, l.AfterNMS, countOf(l.BeforeNMS), 1)
}

func proposalLimitsOf(row []float32) ProposalLimits {
	return ProposalLimits{geom.Size{W: int(row[0]), H: int(row[1])}, float64(row[2]), float64(row[3]), int(row[4]), int(row[5])}
}

// Limits is the length of a row of limits.
const Limits = 7

// limitsRow returns the row of a ProposalLimits or DetectionLimits: the common parameters, then the parameter own that only one of them has, then the
// divisor of the boxes, 1 for proposals.
func limitsRow(image geom.Size, minSize, nmsIoU float64, most int, own, divisor float32) []float32 {
	return []float32{float32(image.W), float32(image.H), float32(minSize), geom.Threshold(nmsIoU), countOf(most), own, divisor}
}

// countOf returns n as a float32, at most 2^24, up to which float32 holds every integer.
func countOf(n int) float32 { return float32(min(n, 1<<24)) }

// OutShape implements Op.
func (p Proposals) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 4, 4); err != nil {
		return nil, err
	}
	if p.PerCell < 1 || p.Rows < 1 {
		return nil, fmt.Errorf("%d anchors per cell, %d rows: both must be positive", p.PerCell, p.Rows)
	}
	if err := wantDims("objectness", in[0], 4); err != nil {
		return nil, err
	}
	n, h, w := in[0][0], in[0][1], in[0][2]
	if !(p.MinScore >= 0 && p.MinScore < 1) {
		return nil, fmt.Errorf("minimum score %g: must be at least 0 and below 1", p.MinScore)
	}
	return Shape{n * p.Rows, p.Columns()}, cmp.Or(
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

// Logits returns the number of logits per cell.
func (p Proposals) Logits() int {
	if p.Pairs {
		return 2 * p.PerCell
	}
	return p.PerCell
}

// Fill computes the operation: inputs and output have the shapes in the documentation of Proposals.
func (p Proposals) Fill(objectness, deltas, anchors, limits, regions []float32) {
	n := len(limits) / Limits
	for i := range n {
		l := proposalLimitsOf(limits[i*Limits:])
		l.AfterNMS = min(l.AfterNMS, p.Rows)
		boxes, logits := p.Choose(geom.Boxes(anchors), part(objectness, i, n), part(deltas, i, n), l)
		if !p.Scored {
			logits = nil
		}
		fillRows(part(regions, i, n), p.Columns(), i, boxes, logits)
	}
}

// Choose returns the proposals of one image in descending logit, and their logits:
//
//   - Decode the BeforeNMS highest-scored anchors and clip the boxes to the image.
//   - Drop boxes with a width or height below MinSize, with a score below MinScore, or with a NaN or infinite value.
//   - Apply NMS and keep the AfterNMS highest-scored boxes.
//
// Equal logits are in anchor order.
func (p Proposals) Choose(anchors []geom.Box, objectness, deltas []float32, l ProposalLimits) (boxes []geom.Box, logits []float32) {
	if p.Pairs {
		objectness = margins(objectness, p.PerCell)
	}
	convention, minSize, minLogit := p.Coder.Convention, float32(l.MinSize), p.MinLogit()
	best := geom.TopK(objectness, l.BeforeNMS)
	boxes, logits = make([]geom.Box, 0, len(best)), make([]float32, 0, len(best))
	for _, i := range best {
		box := convention.Clip(p.Coder.Decode(anchors[i], [4]float32(deltas[4*i:])), l.Image)
		if convention.AtLeast(box, minSize) && objectness[i] >= minLogit { // false for NaN
			boxes, logits = append(boxes, box), append(logits, objectness[i])
		}
	}
	kept := convention.NMS(boxes, logits, l.NMSIoU, l.AfterNMS)
	for k, i := range kept { // k <= i: best first
		boxes[k], logits[k] = boxes[i], logits[i]
	}
	return boxes[:len(kept)], logits[:len(kept)]
}

// margins returns one logit per anchor from the two for background and foreground: the softmax of two logits is the sigmoid of their difference.
func margins(logits []float32, perCell int) []float32 {
	out := make([]float32, 0, len(logits)/2)
	for ; len(logits) > 0; logits = logits[2*perCell:] {
		for a := range perCell {
			out = append(out, logits[perCell+a]-logits[a])
		}
	}
	return out
}

// NoImage is the image index of a padding row.
const NoImage = -1

// FillRoIs writes boxes as rows (image, x1, y1, x2, y2) and marks the remaining rows as padding.
func FillRoIs(rows []float32, image int, boxes []geom.Box) { fillRows(rows, 5, image, boxes, nil) }

// fillRows is FillRoIs for rows of any length; logits, if there are any, are the sixth column.
func fillRows(rows []float32, columns, image int, boxes []geom.Box, logits []float32) {
	clear(rows)
	for i := 0; i < len(rows); i += columns {
		rows[i] = NoImage
	}
	for i, b := range boxes {
		copy(rows[columns*i:], []float32{float32(image), b.X1, b.Y1, b.X2, b.Y2})
	}
	for i, v := range logits {
		rows[columns*i+5] = v
	}
}

// RoIBoxes returns the boxes in the rows of one image, up to the first padding row.
func RoIBoxes(rows []float32) (regions []geom.Box) {
	for ; len(rows) > 0 && rows[0] >= 0; rows = rows[5:] {
		regions = append(regions, geom.Box{X1: rows[1], Y1: rows[2], X2: rows[3], Y2: rows[4]})
	}
	return regions
}

// part returns the i-th of n equal parts of values.
func part(values []float32, i, n int) []float32 {
	size := len(values) / n
	return values[i*size : (i+1)*size]
}
