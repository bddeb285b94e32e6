package rpn

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
	"scalenet/nn"
)

// goldenLevels is testdata/levels.json, written by testdata/levels.py.
type goldenLevels struct {
	Anchors []struct {
		Name   string
		Sizes  [][]float64
		Ratios []float64
		Padded [2]int // height, width
		Levels []struct {
			Height, Width, Count int
			First                []corners
			SecondRow            []corners `json:"second_row"`
			Last                 []corners
		}
	}
	Proposals []goldenProposalLevels
}

type goldenProposalLevels struct {
	Name               string
	Sizes              [][]float64
	Ratios             []float64
	Padded, Image      [2]int
	Levels             [][2]int
	Before, After      int
	NMS                float64
	ScoreThresh        float64 `json:"score_thresh"`
	Objectness, Deltas [][]float32
	Boxes              []corners
	Scores             []float32
}

func readLevels(t *testing.T) (g goldenLevels) {
	data, err := os.ReadFile("testdata/levels.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g))
	return g
}

// anchorsOf returns torchvision's anchors with the sizes of each level: one each, or the same ones.
func anchorsOf(sizes [][]float64, ratios []float64) Anchors {
	a := Anchors{Stride: 1, Spacing: SpacingFloor, Sizes: sizes[0], Ratios: ratios, Rounding: RoundCorners}
	if len(sizes[0]) == 1 {
		a.SizePerLevel, a.Sizes = true, nil
		for _, s := range sizes {
			a.Sizes = append(a.Sizes, s[0])
		}
	}
	return a
}

func TestAnchorsOfLevelsEqualTorchvision(t *testing.T) {
	for _, k := range readLevels(t).Anchors {
		a, padded := anchorsOf(k.Sizes, k.Ratios), geom.Size{H: k.Padded[0], W: k.Padded[1]}
		for i, level := range k.Levels {
			got := a.Level(i, padded.H/level.Height).GridOn(level.Height, level.Width, padded)
			require.Len(t, got, level.Count, k.Name)
			row := level.Width * a.PerCell()
			require.Equal(t, boxesOf(level.First), got[:len(level.First)], "%s, level %d", k.Name, i)
			if len(level.SecondRow) > 0 {
				require.Equal(t, boxesOf(level.SecondRow), got[row:row+len(level.SecondRow)], "%s, level %d", k.Name, i)
			}
			require.Equal(t, boxesOf(level.Last), got[len(got)-len(level.Last):], "%s, level %d", k.Name, i)
		}
	}
}

func TestProposalsOfLevelsEqualTorchvision(t *testing.T) {
	for _, k := range readLevels(t).Proposals {
		t.Run(k.Name, func(t *testing.T) {
			c := Default()
			c.Anchors = anchorsOf(k.Sizes, k.Ratios)
			c.Proposals.NMSIoU, c.Proposals.MinScore = k.NMS, k.ScoreThresh
			image := geom.Size{H: k.Image[0], W: k.Image[1]}
			limits := c.Proposals.Limits(image, Counts{BeforeNMS: k.Before, AfterNMS: k.After}).Row()
			var levels [][]float32
			for i, s := range k.Levels {
				padded := geom.Size{H: k.Padded[0], W: k.Padded[1]}
				anchors := c.Anchors.Level(i, 1).GridOn(s[0], s[1], padded)
				op := c.Operation(min(k.After, len(anchors)))
				op.Scored = true
				rows := make([]float32, 6*op.Rows)
				op.Fill(k.Objectness[i], k.Deltas[i], geom.Rows(anchors), limits, rows)
				levels = append(levels, rows)
			}
			out := make([]float32, 5*k.After)
			nn.TopProposals{Rows: k.After}.Fill(levels, limits, out)
			got := nn.RoIBoxes(out)
			require.Len(t, got, len(k.Boxes))
			for i, b := range got {
				require.InDeltaSlice(t, k.Boxes[i][:], []float32{b.X1, b.Y1, b.X2, b.Y2}, 1e-4, "box %d", i)
			}
		})
	}
}
