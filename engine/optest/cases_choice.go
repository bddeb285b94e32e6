package optest

import (
	"fmt"
	"math"
	"slices"

	"scalenet/geom"
	"scalenet/nn"
)

// choices are the operations that choose boxes: what is chosen is exact, whatever
// the scores and boxes are.
func choices() []Case { return slices.Concat(proposals(), topProposals(), detections()) }

var nan, inf = math.NaN(), math.Inf(1)

// broken are values of which some are not finite.
func broken(n int, seed uint32, scale float64) Fill {
	v := (Fill{Kind: Uniform, Low: -scale, High: scale}).Make(n, seed)
	for i, bad := range []float64{nan, inf, -inf, nan, inf, -3e38, 3e38} {
		v[int(hash(seed, n+i)%uint32(n))] = bad
	}
	return Fill{Kind: Given, Values: v}
}

// given is an input with listed values.
func given(v []float32, shape ...int) Input {
	return filled(Fill{Kind: Given, Values: wide(v)}, shape...)
}

func spread(low, high float64) Fill { return Fill{Kind: Uniform, Low: low, High: high} }

// grid is anchors of growing size over every cell of a feature map of stride 16.
func grid(h, w, perCell int) (anchors []float32) {
	for y := range h {
		for x := range w {
			for a := range perCell {
				across, down := float32(12*(a+1)), float32(9*(a+1)*(1+a%2))
				anchors = append(anchors, float32(16*x)-across, float32(16*y)-down, float32(16*x)+across, float32(16*y)+down)
			}
		}
	}
	return anchors
}

// asked is the limits of proposals of images.
func asked(images ...nn.ProposalLimits) (rows []float32) {
	for _, l := range images {
		rows = append(rows, l.Row()...)
	}
	return rows
}

func proposals() (cases []Case) {
	continuous := geom.Coder{Weights: [4]float32{1, 1, 1, 1}}
	inclusive := geom.Coder{Convention: geom.Inclusive, Weights: [4]float32{10, 10, 5, 5}}
	usual := nn.ProposalLimits{MinSize: 1e-3, NMSIoU: 0.7}
	whole := func(h, w, before, after int) nn.ProposalLimits {
		l := usual
		l.Image, l.BeforeNMS, l.AfterNMS = geom.Size{W: 16 * w, H: 16 * h}, before, after
		return l
	}
	add := func(name string, op nn.Proposals, h, w int, objectness, deltas Fill, limits ...nn.ProposalLimits) {
		n := len(limits)
		cases = append(cases, Case{
			Name: fmt.Sprintf("Proposals/%s/%dx%dx%dx%d", name, n, h, w, op.PerCell), Op: op, Tolerance: Exact,
			In: []Input{
				filled(objectness, n, h, w, op.Logits()), filled(deltas, n, h, w, 4*op.PerCell),
				given(grid(h, w, op.PerCell), h*w*op.PerCell, 4), given(asked(limits...), n, nn.Limits),
			},
		})
	}
	op := nn.Proposals{Coder: continuous, PerCell: 3, Rows: 30}
	small := spread(-0.3, 0.3)
	other := nn.ProposalLimits{Image: geom.Size{W: 90, H: 41}, NMSIoU: 0.1, BeforeNMS: 7, AfterNMS: 3}
	pixel := nn.ProposalLimits{Image: geom.Size{W: 1, H: 1}, NMSIoU: 0.7, BeforeNMS: 16, AfterNMS: 16}
	add("settings", op, 7, 9, spread(-4, 4), small, whole(7, 9, 100, 20), other, whole(7, 9, 1000, 30))
	add("ties", op, 5, 5, Fill{Kind: Levels}, small, whole(5, 5, 40, 30))
	add("one", op, 1, 1, spread(-1, 1), small, whole(1, 1, 5, 5))
	add("more-asked-than-there-are", op, 2, 3, spread(-1, 1), small, whole(2, 3, 6000, 300))
	add("nothing-asked", op, 2, 3, spread(-1, 1), small, whole(2, 3, 0, 30), whole(2, 3, 10, 0))
	add("one-pixel-images", op, 2, 2, spread(-1, 1), small, pixel)
	add("outside", op, 4, 4, spread(-1, 1), spread(-8, 8), whole(4, 4, 48, 30))
	add("equal-boxes", op, 3, 3, spread(-1, 1), Fill{Kind: Given, Values: make([]float64, 9*12)}, whole(3, 3, 27, 27))
	add("not-finite", op, 6, 5, broken(2*6*5*3, 1, 3), broken(2*6*5*12, 2, 0.4), whole(6, 5, 90, 30), whole(6, 5, 60, 30))
	add("large", nn.Proposals{Coder: continuous, PerCell: 5, Rows: 300}, 21, 40, spread(-4, 4), small, whole(21, 40, 2500, 300))
	strict := whole(3, 4, 36, 30)
	strict.MinSize = 1000
	add("all-too-small", op, 3, 4, spread(-1, 1), small, strict)
	for _, iou := range []float64{0, 0.3, 1} {
		usual.NMSIoU = iou
		add(fmt.Sprintf("iou%g", iou), op, 5, 4, spread(-1, 1), small, whole(5, 4, 60, 30))
	}
	usual = nn.ProposalLimits{NMSIoU: 0.7}
	pairs := nn.Proposals{Coder: inclusive, PerCell: 4, Pairs: true, Rows: 25}
	add("pairs", pairs, 6, 8, spread(-3, 3), spread(-3, 3), whole(6, 8, 120, 25), other)
	add("pairs/ties", pairs, 6, 8, Fill{Kind: Levels}, spread(-3, 3), whole(6, 8, 120, 25))
	add("pairs/one-pixel-images", pairs, 2, 2, spread(-1, 1), small, pixel)
	scored := nn.Proposals{Coder: continuous, PerCell: 3, Rows: 30, Scored: true}
	add("scored", scored, 7, 9, spread(-4, 4), small, whole(7, 9, 100, 20), other, whole(7, 9, 1000, 30))
	scored.MinScore = 0.6
	add("min-score", scored, 7, 9, spread(-4, 4), small, whole(7, 9, 100, 20), other)
	scored.Pairs = true
	add("min-score/pairs", scored, 7, 9, spread(-4, 4), small, whole(7, 9, 100, 20), other)
	add("pairs/not-finite", pairs, 4, 4, broken(4*4*8, 3, 3), broken(4*4*16, 4, 2), whole(4, 4, 64, 25))
	return cases
}

// scoredRows are n rows of proposals of each image with logits in descending order; the last `padding` rows are of no image.
func scoredRows(images, n, padding int, ties bool) (rows []float32) {
	for i := range images {
		for r := range n {
			if r >= n-padding {
				rows = append(rows, -1, 0, 0, 0, 0, 0)
				continue
			}
			logit := 3 - float32(r)*0.37 - float32(i)*0.1
			if ties {
				logit = float32(-r / 2)
			}
			rows = append(rows, float32(i), float32(r), float32(n), float32(r+10), float32(2*n+1), logit)
		}
	}
	return rows
}

func topProposals() (cases []Case) {
	add := func(name string, rows int, levels [][]float32, after ...int) {
		var limits []nn.ProposalLimits
		for _, n := range after {
			limits = append(limits, nn.ProposalLimits{Image: geom.Size{W: 90, H: 41}, AfterNMS: n, BeforeNMS: 10})
		}
		c := Case{Name: "TopProposals/" + name, Op: nn.TopProposals{Rows: rows}, Tolerance: Exact}
		for _, level := range levels {
			c.In = append(c.In, given(level, len(level)/6, 6))
		}
		c.In = append(c.In, given(asked(limits...), len(after), nn.Limits))
		cases = append(cases, c)
	}
	add("one-level", 5, [][]float32{scoredRows(2, 6, 0, false)}, 6, 3)
	add("levels", 20, [][]float32{scoredRows(2, 9, 1, false), scoredRows(2, 5, 0, false), scoredRows(2, 1, 0, false)}, 20, 7)
	add("ties", 9, [][]float32{scoredRows(3, 6, 0, true), scoredRows(3, 4, 2, true)}, 9, 4, 9)
	add("empty-level", 8, [][]float32{scoredRows(1, 4, 4, false), scoredRows(1, 5, 2, false)}, 8)
	add("none", 8, [][]float32{scoredRows(1, 4, 4, false), scoredRows(1, 1, 1, false)}, 8)
	add("nothing-asked", 8, [][]float32{scoredRows(1, 4, 0, false)}, 0)
	add("large", 1000, [][]float32{scoredRows(2, 1000, 3, false), scoredRows(2, 1000, 0, true), scoredRows(2, 700, 0, false)}, 1000, 400)
	return cases
}

// someRegions are rows of n regions of each image in an image of 160x120; of every
// image but the first one the last third is of no image.
func someRegions(images, n int) (rows []float32) {
	for i := range images {
		for r := range n {
			if i > 0 && 3*r >= 2*n {
				rows = append(rows, -1, 0, 0, 0, 0)
				continue
			}
			at := func(k int, high float64) float32 { return float32(unit(uint32(i), 4*r+k) * high) }
			x, y := at(0, 120), at(1, 90)
			rows = append(rows, float32(i), x, y, x+4+at(2, 60), y+4+at(3, 50))
		}
	}
	return rows
}

func detections() (cases []Case) {
	continuous := geom.Coder{Weights: [4]float32{10, 10, 5, 5}}
	inclusive := continuous
	inclusive.Convention = geom.Inclusive
	usual := nn.DetectionLimits{Image: geom.Size{W: 160, H: 120}, Score: 0.05, NMSIoU: 0.5, MinSize: 1e-2, PerImage: 100}
	paper := nn.DetectionLimits{Image: geom.Size{W: 160, H: 120}, NMSIoU: 0.3, PerImage: 100}
	add := func(name string, coder geom.Coder, rows, classes, columns int, regions []float32, logits, deltas Fill, limits ...nn.DetectionLimits) {
		n, r := len(limits), len(regions)/5
		var asked []float32
		for _, l := range limits {
			asked = append(asked, l.Row()...)
		}
		cases = append(cases, Case{
			Name: fmt.Sprintf("Detections/%s/%dx%dx%d", name, n, r/n, classes), Op: nn.Detections{Coder: coder, Rows: rows}, Tolerance: Exact,
			In: []Input{filled(logits, r, classes+1), filled(deltas, r, columns), given(regions, r, 5), given(asked, n, nn.Limits)},
		})
	}
	few, strict, divided := usual, usual, paper
	divided.Divisor = 4.1967
	few.PerImage, strict.Score, strict.NMSIoU = 3, 0.4, 0.1
	small := spread(-1, 1)
	add("settings", continuous, 50, 4, 20, someRegions(3, 20), spread(-3, 3), small, usual, few, strict)
	add("one-box-for-all-classes", continuous, 50, 4, 4, someRegions(2, 20), spread(-3, 3), small, usual, paper)
	add("one-class", continuous, 9, 1, 8, someRegions(1, 33), spread(-3, 3), small, usual)
	add("one-region", continuous, 9, 1, 4, someRegions(1, 1), spread(-3, 3), small, usual)
	add("ties", continuous, 60, 3, 16, someRegions(2, 25), Fill{Kind: Levels}, small, paper, usual)
	add("equal-boxes", continuous, 60, 3, 4, slices.Repeat([]float32{0, 20, 10, 60, 55}, 25), spread(-2, 2), Fill{Kind: Given, Values: make([]float64, 100)}, paper)
	add("not-finite", continuous, 60, 3, 16, someRegions(2, 30), broken(60*4, 1, 3), broken(60*16, 2, 2), paper, usual)
	add("inclusive", inclusive, 100, 5, 24, someRegions(2, 40), spread(-2, 2), small, paper, paper)
	add("divided", inclusive, 100, 5, 24, someRegions(2, 40), spread(-2, 2), small, divided, paper)
	add("outside", inclusive, 100, 2, 12, someRegions(1, 40), spread(-2, 2), spread(-90, 90), paper)
	add("large", continuous, 100, 20, 84, someRegions(1, 300), spread(-4, 4), small, paper)
	none, pixel := usual, paper
	none.Score, pixel.Image = 1, geom.Size{W: 1, H: 1}
	add("none-above-the-threshold", continuous, 10, 3, 16, someRegions(1, 12), spread(-1, 1), small, none)
	add("no-regions", continuous, 10, 3, 16, []float32{-1, 0, 0, 0, 0, -1, 0, 0, 0, 0}, spread(-1, 1), small, paper)
	add("one-pixel-images", inclusive, 30, 3, 16, someRegions(1, 12), spread(-1, 1), small, pixel)
	pixel.MinSize = 0.5
	add("one-pixel-images", continuous, 30, 2, 12, someRegions(1, 12), spread(-1, 1), small, pixel)
	return cases
}
