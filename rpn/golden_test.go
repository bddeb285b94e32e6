package rpn

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/assign"
	"scalenet/geom"
)

// golden is testdata/golden.json, written by testdata/golden.py.
type golden struct {
	Anchors []struct {
		Rounding              Rounding
		Sizes, Ratios         []float64
		Height, Width, Stride int
		Boxes                 []corners
	}
	PaperCell      []corners         `json:"paper_cell"`
	Proposals      []goldenProposals // default, torchvision
	PaperProposals goldenProposals   `json:"paper_proposals"`
	Targets        []goldenTargets
	PaperTargets   goldenTargets `json:"paper_targets"`
}

type goldenProposals struct {
	Name               string
	Height, Width      int
	Image              [2]int // height, width
	Before, After      int
	Objectness, Deltas []float32
	Boxes              []corners
	Scores             []float32
}

type goldenTargets struct {
	Height, Width int
	Image         [2]int
	Truth         []corners
	Labels        []int32
	Positive      []int
	Deltas        [][4]float32
}

type corners [4]float32

func boxesOf(rows []corners) []geom.Box {
	out := make([]geom.Box, len(rows))
	for i, r := range rows {
		out[i] = geom.Box{X1: r[0], Y1: r[1], X2: r[2], Y2: r[3]}
	}
	return out
}

func readGolden(t *testing.T) golden {
	data, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(data, &g))
	return g
}

func TestAnchorsEqualTorchvision(t *testing.T) {
	for _, k := range readGolden(t).Anchors {
		a := Anchors{Stride: k.Stride, Sizes: k.Sizes, Ratios: k.Ratios, Rounding: k.Rounding}
		require.Equal(t, boxesOf(k.Boxes), a.Grid(k.Height, k.Width), "%+v", a)
	}
}

func TestAnchorsOfThePaper(t *testing.T) {
	want := boxesOf(readGolden(t).PaperCell)
	require.Equal(t, geom.Box{X1: -38, Y1: -16, X2: 53, Y2: 31}, want[0])
	require.Equal(t, geom.Box{X1: -84, Y1: -40, X2: 99, Y2: 55}, want[1])
	require.Equal(t, want, Paper().Anchors.Cell())
}

func TestProposalsEqualTorchvision(t *testing.T) {
	for _, k := range readGolden(t).Proposals {
		checkProposals(t, Default(), k)
	}
}

func TestProposalsOfThePaper(t *testing.T) {
	checkProposals(t, Paper(), readGolden(t).PaperProposals)
}

func checkProposals(t *testing.T, c Config, k goldenProposals) {
	got, err := c.Propose(c.Anchors.Grid(k.Height, k.Width), k.Objectness, k.Deltas,
		geom.Size{H: k.Image[0], W: k.Image[1]}, Counts{BeforeNMS: k.Before, AfterNMS: k.After})
	require.NoError(t, err, k.Name)
	require.Len(t, got.Boxes, len(k.Boxes), k.Name)
	require.Len(t, got.Scores, len(k.Boxes), k.Name)
	for i, b := range got.Boxes {
		for j, v := range [4]float32{b.X1, b.Y1, b.X2, b.Y2} {
			require.InDelta(t, k.Boxes[i][j], v, 1e-4, "%s: box %d", k.Name, i)
		}
		require.InDelta(t, k.Scores[i], got.Scores[i], 1e-6, "%s: score %d", k.Name, i)
	}
}

func TestTargetsEqualTorchvision(t *testing.T) {
	for _, k := range readGolden(t).Targets {
		checkTargets(t, Default(), k)
	}
}

func TestTargetsOfThePaper(t *testing.T) {
	checkTargets(t, Paper(), readGolden(t).PaperTargets)
}

func checkTargets(t *testing.T, c Config, k goldenTargets) {
	anchors := c.Anchors.Grid(k.Height, k.Width)
	truth := assign.GroundTruth{Boxes: boxesOf(k.Truth)}
	a := c.Assign(anchors, truth, geom.Size{H: k.Image[0], W: k.Image[1]})
	require.Equal(t, k.Labels, a.Labels)
	got := c.SampledTargets(anchors, truth, a, k.Positive, nil)
	require.Len(t, got.Deltas, len(k.Deltas))
	for i, d := range got.Deltas {
		for j := range d {
			require.InDelta(t, k.Deltas[i][j], d[j], 1e-5, "anchor %d", k.Positive[i])
		}
	}
}
