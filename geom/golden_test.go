package geom

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden is testdata/golden.json, written by testdata/golden.py with torchvision.
type golden struct {
	Overlaps             goldenOverlaps
	InclusiveOverlaps    goldenOverlaps `json:"inclusive_overlaps"`
	Coding               []goldenCoding
	InclusiveCoding      goldenCoding `json:"inclusive_coding"`
	Borders              goldenBorders
	Suppression          []goldenSuppression
	InclusiveSuppression struct {
		Boxes     []corners
		Scores    []float32
		Threshold float64
		Kept      []int
	} `json:"inclusive_suppression"`
}

type goldenOverlaps struct {
	A, B []corners
	IoU  []float32
}

type goldenCoding struct {
	Weights           [4]float32
	Reference, Target []corners
	Encoded, Deltas   [][4]float32
	Decoded           []corners
}

type goldenBorders struct {
	Width, Height  int
	Boxes, Clipped []corners
	MinSize        float32 `json:"min_size"`
	Large          []int
}

type goldenSuppression struct {
	Boxes        []corners
	Scores       []float32
	Classes      []int32
	Thresholds   []float64
	Kept         [][]int
	KeptPerClass [][]int `json:"kept_per_class"`
}

type corners [4]float32

func boxesOf(rows []corners) []Box {
	out := make([]Box, len(rows))
	for i, r := range rows {
		out[i] = Box{r[0], r[1], r[2], r[3]}
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

func TestOverlapEqualsTorchvision(t *testing.T) {
	g := readGolden(t)
	for c, o := range map[Convention]goldenOverlaps{Continuous: g.Overlaps, Inclusive: g.InclusiveOverlaps} {
		a, b := boxesOf(o.A), boxesOf(o.B)
		matrix := c.IoUMatrix(a, b)
		require.Equal(t, o.IoU, matrix, "%v", c)
		for i := range a {
			for j := range b {
				require.Equal(t, matrix[i*len(b)+j], c.IoU(a[i], b[j]))
			}
		}
	}
}

func TestCodingEqualsTorchvision(t *testing.T) {
	g := readGolden(t)
	for _, k := range g.Coding {
		checkCoding(t, Continuous, k)
	}
	checkCoding(t, Inclusive, g.InclusiveCoding)
}

func checkCoding(t *testing.T, c Convention, k goldenCoding) {
	coder := Coder{Convention: c, Weights: k.Weights}
	reference, target, decoded := boxesOf(k.Reference), boxesOf(k.Target), boxesOf(k.Decoded)
	for i := range reference {
		got := coder.Encode(reference[i], target[i])
		for j := range got {
			require.InDelta(t, k.Encoded[i][j], got[j], 1e-6*max(1, float64(abs(k.Encoded[i][j]))), "%v: encoding %d, %d", c, i, j)
		}
		requireClose(t, decoded[i], coder.Decode(reference[i], k.Deltas[i]), 1e-6)
	}
}

// requireClose compares the corners relative to the size of the numbers that went into them.
func requireClose(t *testing.T, want, got Box, relative float64) {
	t.Helper()
	scale := float64(max(1, abs(want.X1), abs(want.Y1), abs(want.X2), abs(want.Y2)))
	require.InDelta(t, want.X1, got.X1, relative*scale)
	require.InDelta(t, want.Y1, got.Y1, relative*scale)
	require.InDelta(t, want.X2, got.X2, relative*scale)
	require.InDelta(t, want.Y2, got.Y2, relative*scale)
}

func abs(v float32) float32 { return max(v, -v) }

func TestClipEqualsTorchvision(t *testing.T) {
	k := readGolden(t).Borders
	var large []int
	for i, b := range boxesOf(k.Boxes) {
		got := Continuous.Clip(b, Size{k.Width, k.Height})
		require.Equal(t, boxesOf(k.Clipped)[i], got)
		if Continuous.AtLeast(got, k.MinSize) {
			large = append(large, i)
		}
	}
	require.Equal(t, k.Large, large)
}

func TestNMSEqualsTorchvision(t *testing.T) {
	g := readGolden(t)
	for _, k := range g.Suppression {
		boxes := boxesOf(k.Boxes)
		for i, threshold := range k.Thresholds {
			require.Equal(t, k.Kept[i], Continuous.NMS(boxes, k.Scores, threshold, -1), "%d boxes at %v", len(boxes), threshold)
			require.Equal(t, k.KeptPerClass[i], Continuous.BatchedNMS(boxes, k.Scores, k.Classes, threshold, -1), "%d boxes at %v", len(boxes), threshold)
		}
	}
	k := g.InclusiveSuppression
	require.Equal(t, k.Kept, Inclusive.NMS(boxesOf(k.Boxes), k.Scores, k.Threshold, -1))
}
