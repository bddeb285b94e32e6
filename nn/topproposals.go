package nn

import (
	"cmp"
	"fmt"
	"slices"
)

// TopProposals merges the proposals of several levels and keeps the highest-scored ones of each image:
//
//	proposals (N*rows, 6) of each level, the output of Proposals with Scored, then limits (N, 7)
//	-> proposals (N*Rows, 5): image, x1, y1, x2, y2
//
// At most ProposalLimits.AfterNMS of an image are kept. Each image has Rows rows, in descending score; unused rows are padding with image -1. Equal logits
// are in the order of levels, then of rows. Proposals have no derivative.
type TopProposals struct{ Rows int }

// OutShape implements Op.
func (p TopProposals) OutShape(in []Shape) (Shape, error) {
	if len(in) < 2 {
		return nil, fmt.Errorf("%d inputs, want proposals and limits", len(in))
	}
	if p.Rows < 1 {
		return nil, fmt.Errorf("%d rows: must be positive", p.Rows)
	}
	for _, rows := range in {
		if err := wantDims("input", rows, 2); err != nil {
			return nil, err
		}
	}
	for i, rows := range in {
		columns := Proposals{Scored: true}.Columns()
		if i == len(in)-1 {
			columns = Limits
		}
		if err := wantShape("input", rows, rows[0], columns); err != nil {
			return nil, err
		}
		if images := in[len(in)-1][0]; images < 1 || rows[0]%images != 0 {
			return nil, fmt.Errorf("%d proposals of %d images in input %d: want the same number per image", rows[0], images, i)
		}
	}
	limits := in[len(in)-1]
	return Shape{limits[0] * p.Rows, 5}, nil
}

// Roles implements Roler.
func (TopProposals) Roles(n int) ([]Role, Role) {
	return make([]Role, n), Full // all Full
}

// NoDerivative says why there is none.
func (TopProposals) NoDerivative() string { return Proposals{}.NoDerivative() }

// Fill computes the operation: inputs and output have the shapes in the documentation of TopProposals.
func (p TopProposals) Fill(levels [][]float32, limits, out []float32) {
	n := len(limits) / Limits
	for i := range n {
		var rows [][]float32
		for _, level := range levels {
			for of := part(level, i, n); len(of) > 0 && of[0] >= 0; of = of[6:] {
				rows = append(rows, of[:6])
			}
		}
		slices.SortStableFunc(rows, func(a, b []float32) int { return cmp.Compare(b[5], a[5]) })
		rows = rows[:min(len(rows), p.Rows, proposalLimitsOf(limits[i*Limits:]).AfterNMS)]
		image := part(out, i, n)
		FillRoIs(image, i, nil)
		for k, row := range rows {
			copy(image[5*k:], row[:5])
		}
	}
}
