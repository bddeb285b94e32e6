package assign

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

// testdata/golden.json is written by testdata/golden.py with torchvision.
func TestMatchEqualsTorchvision(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var cases []struct {
		Boxes, Truth [][4]float32
		High, Low    float64
		LowQuality   bool `json:"low_quality"`
		Matches      []int32
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	for i, k := range cases {
		m := Matcher{High: k.High, Low: k.Low, LowQuality: k.LowQuality}
		require.Equal(t, k.Matches, m.Match(boxesOf(k.Boxes), boxesOf(k.Truth)), "case %d", i)
	}
}

func boxesOf(rows [][4]float32) []geom.Box {
	out := make([]geom.Box, len(rows))
	for i, r := range rows {
		out[i] = geom.Box{X1: r[0], Y1: r[1], X2: r[2], Y2: r[3]}
	}
	return out
}

func TestMatch(t *testing.T) {
	m := Matcher{High: 0.7, Low: 0.3, LowQuality: true}
	square := func(x, side float32) geom.Box { return geom.Box{X1: x, Y1: 0, X2: x + side, Y2: side} }
	for _, k := range []struct {
		name         string
		boxes, truth []geom.Box
		want         []int32
	}{
		{"nothing", nil, nil, []int32{}},
		{"no ground truth", []geom.Box{square(0, 9)}, nil, []int32{Background}},
		{"no boxes", nil, []geom.Box{square(0, 9)}, []int32{}},
		{"equal ground truth: the first", []geom.Box{square(0, 9)}, []geom.Box{square(0, 9), square(0, 9)}, []int32{0}},
		{"in between", []geom.Box{square(0, 10), square(5, 10)}, []geom.Box{square(0, 10)}, []int32{0, Ignored}},
		{"best of a low kind, tied", []geom.Box{square(8, 10), square(-8, 10), square(90, 10)}, []geom.Box{square(0, 10)}, []int32{0, 0, Background}},
		{"out of reach", []geom.Box{square(0, 10), square(20, 10)}, []geom.Box{square(100, 10)}, []int32{Background, Background}},
		{"no area", []geom.Box{square(0, 10)}, []geom.Box{square(5, 0)}, []int32{Background}},
	} {
		require.Equal(t, k.want, m.Match(k.boxes, k.truth), k.name)
	}
	// Inclusive: one pixel matches itself.
	pixel := []geom.Box{{X1: 3, Y1: 3, X2: 3, Y2: 3}}
	require.Equal(t, []int32{Background}, m.Match(pixel, pixel))
	m.Convention = geom.Inclusive
	require.Equal(t, []int32{0}, m.Match(pixel, pixel))
}

func TestNewGroundTruth(t *testing.T) {
	boxes := []geom.Box{{X2: 5, Y2: 5}, {X1: 3, Y1: 3, X2: 3, Y2: 9}, {X2: 50, Y2: 50}, {X1: 1, X2: 6, Y2: 6}}
	truth, err := NewGroundTruth(boxes, []int32{1, 2, 3, 4}, []bool{false, false, true, false}, geom.Continuous)
	require.NoError(t, err)
	require.Equal(t, GroundTruth{Boxes: []geom.Box{boxes[0], boxes[3]}, Classes: []int32{1, 4}, Crowds: boxes[2:3]}, truth)
	require.True(t, truth.InCrowd(boxes[0], 0.7, geom.Continuous))
	require.False(t, truth.InCrowd(boxes[0], 0, geom.Continuous))
	require.False(t, truth.InCrowd(geom.Box{X1: 40, Y1: 0, X2: 60, Y2: 10}, 0.7, geom.Continuous))

	truth, err = NewGroundTruth(nil, nil, nil, geom.Continuous)
	require.NoError(t, err)
	require.Empty(t, truth.Boxes)

	var nan float32
	nan /= nan
	_, err = NewGroundTruth([]geom.Box{{X2: nan}}, []int32{1}, nil, geom.Continuous)
	require.ErrorContains(t, err, "box 0 is not finite: {0 0 NaN 0}")
	_, err = NewGroundTruth(boxes[:1], []int32{0}, nil, geom.Continuous)
	require.ErrorContains(t, err, "class 0 of box 0")
	_, err = NewGroundTruth(boxes, []int32{1}, nil, geom.Continuous)
	require.ErrorContains(t, err, "4 boxes, 1 classes")
}

func BenchmarkMatch(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	random := func(n int) []geom.Box {
		out := make([]geom.Box, n)
		for i := range out {
			x, y := rng.Float32()*800, rng.Float32()*500
			out[i] = geom.Box{X1: x, Y1: y, X2: x + rng.Float32()*200, Y2: y + rng.Float32()*200}
		}
		return out
	}
	m := Matcher{High: 0.7, Low: 0.3, LowQuality: true}
	anchors, truth := random(26000), random(20)
	for b.Loop() {
		m.Match(anchors, truth)
	}
}
