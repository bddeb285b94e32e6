package roi

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/assign"
	"scalenet/geom"
)

// golden is testdata/golden.json, written by testdata/golden.py with torchvision.
type golden struct {
	Targets []struct {
		Proposals, Truth []corners
		Classes, Labels  []int32
		Positive         []int
		Deltas           [][4]float32
	}
	Detections []goldenDetections
}

type goldenDetections struct {
	Name           string
	Proposals      []corners
	Logits, Deltas []float32
	Classes        int
	Score          float64
	NMSIoU         float64 `json:"nms_iou"`
	PerImage       int     `json:"per_image"`
	Agnostic       bool
	Boxes          []corners
	Scores         []float32
	Labels         []int32
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

func TestTargetsEqualTorchvision(t *testing.T) {
	c := Default()
	for n, k := range readGolden(t).Targets {
		truth := assign.GroundTruth{Boxes: boxesOf(k.Truth), Classes: k.Classes}
		a := c.Assign(boxesOf(k.Proposals), truth)
		require.Len(t, a.Boxes, len(k.Proposals)+len(k.Truth))
		require.Equal(t, k.Labels, a.Labels, "case %d", n)
		s := c.SamplesOf(a, truth, k.Positive)
		require.Len(t, s.Deltas, len(k.Deltas))
		for i, d := range s.Deltas {
			for j := range d {
				require.InDelta(t, k.Deltas[i][j], d[j], 1e-5, "case %d, RoI %d", n, k.Positive[i])
			}
		}
	}
}

func TestDetectionsEqualTorchvision(t *testing.T) {
	for _, k := range readGolden(t).Detections {
		c := Default()
		c.ClassAgnostic = k.Agnostic
		c.Detections.Score, c.Detections.NMSIoU, c.Detections.PerImage = k.Score, k.NMSIoU, k.PerImage
		got, err := c.Detect(boxesOf(k.Proposals), k.Logits, k.Deltas, k.Classes, geom.Size{W: 300, H: 200})
		require.NoError(t, err, k.Name)
		require.Len(t, got, len(k.Boxes), k.Name)
		for i, d := range got {
			require.Equal(t, k.Labels[i], d.Class, "%s: detection %d", k.Name, i)
			require.InDelta(t, k.Scores[i], d.Score, 1e-6, "%s: detection %d", k.Name, i)
			for j, v := range [4]float32{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2} {
				require.InDelta(t, k.Boxes[i][j], v, 1e-4, "%s: detection %d", k.Name, i)
			}
		}
	}
}
