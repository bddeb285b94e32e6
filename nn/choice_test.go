package nn

import (
	"slices"
	"testing"

	"scalenet/geom"

	"github.com/stretchr/testify/assert"
)

// Two images with limits of their own: regions are the image's best, rows left over say so.
func TestProposalsFill(t *testing.T) {
	p := Proposals{Coder: geom.Coder{Weights: [4]float32{1, 1, 1, 1}}, PerCell: 2, Rows: 3}
	anchors := []float32{0, 0, 10, 10, 0, 0, 10, 9, 20, 20, 40, 40, 5, 5, 5.5, 9} // the second overlaps the first, the last is too thin
	limits := slices.Concat(
		ProposalLimits{geom.Size{W: 30, H: 50}, 1, 0.5, 9, 4}.Row(),
		ProposalLimits{geom.Size{W: 50, H: 50}, 1, 0.5, 1, 2}.Row())
	objectness := []float32{1, 2, 0, 9, 0, 0, 0, 0}
	regions := slices.Repeat([]float32{7}, 2*3*5)
	p.Fill(objectness, make([]float32, 2*4*4), anchors, limits, regions)
	assert.Equal(t, []float32{
		0, 0, 0, 10, 9,
		0, 20, 20, 30, 40, // clipped
		-1, 0, 0, 0, 0,
		1, 0, 0, 10, 10, // the first of equals
		-1, 0, 0, 0, 0,
		-1, 0, 0, 0, 0,
	}, regions)
	assert.Equal(t, []geom.Box{{X2: 10, Y2: 9}, {X1: 20, Y1: 20, X2: 30, Y2: 40}}, RoIBoxes(regions[:15]))
	assert.Empty(t, RoIBoxes(regions[20:]))
	assert.Empty(t, RoIBoxes(nil))
}

func TestDetectionsFill(t *testing.T) {
	d := Detections{Coder: geom.Coder{Weights: [4]float32{1, 1, 1, 1}}, Rows: 3}
	size := geom.Size{W: 30, H: 30}
	limits := slices.Concat(
		DetectionLimits{Image: size, Score: 0.1, NMSIoU: 0.5, PerImage: 9}.Row(),
		DetectionLimits{Image: size, Score: 0.1, NMSIoU: 0.5, PerImage: 1}.Row())
	regions := []float32{
		0, 0, 0, 10, 10, 0, 0, 0, 10, 9,
		-1, 0, 0, 0, 0, 1, 5, 5, 25, 25,
	}
	logits := []float32{0, 0, 0, -9, -9, 0, 9, 9, 9, 0, 1, 1}
	out := slices.Repeat([]float32{7}, 2*3*6)
	d.Fill(logits, make([]float32, 4*4), regions, limits, out)
	first, second := DetectionsOf(out[:18]), DetectionsOf(out[18:])
	assert.Len(t, first, 2)
	assert.Equal(t, geom.Box{X2: 10, Y2: 9}, first[0].Box)
	assert.EqualValues(t, 2, first[0].Class)
	assert.Equal(t, Detection{geom.Box{X2: 10, Y2: 10}, 1, 1 / float32(3)}, first[1])
	assert.Len(t, second, 1)
	assert.Equal(t, geom.Box{X1: 5, Y1: 5, X2: 25, Y2: 25}, second[0].Box)
	assert.EqualValues(t, 1, second[0].Class, "the first of equals")
	assert.Equal(t, make([]float32, 6), out[12:18])
	assert.Empty(t, DetectionsOf(nil))
}

// Limits survive the way through float32; overlaps are above the same threshold.
func TestLimitsAsRows(t *testing.T) {
	l := DetectionLimits{geom.Size{W: 1000, H: 600}, 0.01, 0.7, 1 << 40, 0.05, 0}
	got := detectionLimitsOf(l.Row())
	assert.Equal(t, l.Image, got.Image)
	assert.Equal(t, float32(0.05), float32(got.Score))
	assert.LessOrEqual(t, got.NMSIoU, 0.7)
	assert.Equal(t, 1<<24, got.PerImage)
	assert.Equal(t, 1., got.Divisor)
	p := ProposalLimits{geom.Size{W: 1, H: 2}, 0.5, 0.25, 300, 6000}
	assert.Equal(t, p, proposalLimitsOf(p.Row()))
}
