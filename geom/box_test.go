package geom

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestConventionNames(t *testing.T) {
	for _, c := range []Convention{Continuous, Inclusive} {
		text, err := json.Marshal(c)
		require.NoError(t, err)
		var back Convention
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, c, back)
	}
	_, err := json.Marshal(Convention(7))
	require.ErrorContains(t, err, "box convention 7")
	var c Convention
	require.ErrorContains(t, json.Unmarshal([]byte(`"pixel"`), &c), `box convention "pixel"`)
}

func TestSides(t *testing.T) {
	for _, k := range []struct {
		c          Convention
		b          Box
		w, h, area float32
	}{
		{Continuous, Box{1, 2, 4, 9}, 3, 7, 21},
		{Inclusive, Box{1, 2, 4, 9}, 4, 8, 32},
		{Continuous, Box{5, 5, 5, 5}, 0, 0, 0},
		{Inclusive, Box{5, 5, 5, 5}, 1, 1, 1}, // one pixel
		{Continuous, Box{9, 9, 2, 2}, -7, -7, 0},
	} {
		require.Equal(t, []float32{k.w, k.h, k.area}, []float32{k.c.Width(k.b), k.c.Height(k.b), k.c.Area(k.b)})
	}
	require.True(t, Continuous.AtLeast(Box{0, 0, 2, 3}, 2))
	require.False(t, Continuous.AtLeast(Box{0, 0, 2, 3}, 2.5))
	require.False(t, Continuous.AtLeast(Box{0, 0, float32(math.NaN()), 3}, 0))
}

func TestBorders(t *testing.T) {
	image := Size{W: 100, H: 50}
	all := Box{-5, -5, 200, 200}
	require.Equal(t, Box{0, 0, 100, 50}, Continuous.Clip(all, image))
	require.Equal(t, Box{0, 0, 99, 49}, Inclusive.Clip(all, image))
	require.True(t, Continuous.Inside(Box{0, 0, 100, 50}, image))
	require.False(t, Inclusive.Inside(Box{0, 0, 100, 49}, image))
	require.True(t, Inclusive.Inside(Box{0, 0, 99, 49}, image))
	require.False(t, Continuous.Inside(Box{-0.5, 0, 9, 9}, image))

	b := Box{10, 20, 30, 45}
	require.Equal(t, Box{70, 20, 90, 45}, Continuous.FlipHorizontal(b, 100))
	require.Equal(t, Box{69, 20, 89, 45}, Inclusive.FlipHorizontal(b, 100))
	require.Equal(t, Box{10, 5, 30, 30}, Continuous.FlipVertical(b, 50))
	require.Equal(t, b, Inclusive.FlipVertical(Inclusive.FlipVertical(b, 50), 50))
	require.Equal(t, Box{20, 10, 60, 22.5}, b.Scale(2, 0.5))
}

func TestFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	require.True(t, Box{0, -1, 3e38, 1}.Finite())
	for _, b := range []Box{{nan, 0, 0, 0}, {0, inf, 0, 0}, {0, 0, -inf, 0}, {0, 0, 0, nan}} {
		require.False(t, b.Finite(), "%v", b)
		require.Zero(t, Continuous.IoU(b, Box{0, 0, 9, 9}))
		require.Zero(t, Continuous.IoU(b, b))
	}
}

func TestCoverage(t *testing.T) {
	crowd := Box{0, 0, 100, 100}
	require.Equal(t, float32(1), Continuous.Coverage(Box{10, 10, 20, 20}, crowd))
	require.Equal(t, float32(0.5), Continuous.Coverage(Box{90, 0, 110, 10}, crowd))
	require.Zero(t, Continuous.Coverage(Box{5, 5, 5, 5}, crowd))
}

func TestDecodeInvertsEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		box := func(name string) Box {
			v := rapid.SliceOfN(rapid.Float32Range(0, 1000), 4, 4).Draw(t, name)
			return Box{v[0], v[1], v[0] + 20 + v[2], v[1] + 20 + v[3]}
		}
		reference, target := box("reference"), box("target")
		coder := Coder{Weights: [4]float32{10, 10, 5, 5}}
		back := coder.Decode(reference, coder.Encode(reference, target))
		for i, d := range []float32{back.X1 - target.X1, back.Y1 - target.Y1, back.X2 - target.X2, back.Y2 - target.Y2} {
			if abs(d) > 2e-3 {
				t.Fatalf("corner %d is off by %v: %v instead of %v", i, d, back, target)
			}
		}
	})
}

func TestBoxesAreRows(t *testing.T) {
	boxes := []Box{{1, 2, 3, 4}, {5, 6, 7, 8}}
	require.Equal(t, []float32{1, 2, 3, 4, 5, 6, 7, 8}, Rows(boxes))
	require.Equal(t, boxes, Boxes(Rows(boxes)))
	require.Empty(t, Boxes(Rows(nil)))
}
