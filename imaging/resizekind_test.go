package imaging

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/raster"
)

// resizeGolden is testdata/resize.json.gz, which resize.py makes with Pillow and OpenCV.
type resizeGolden struct {
	Bytes []struct {
		Kind     ResizeKind
		From, To [2]int
		Bytes    []uint8
		SHA256   string // instead of Bytes for large results
	}
	Floats []struct {
		From, To [2]int
		Shorter  int
		Scale    float64
		Values   []byte // float32
	}
	Rules []Fitting
	Fits  [][]int // w, h, shorter, longest, then width and height by each rule
}

func readResizeGolden(t *testing.T) (golden resizeGolden) {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(read(t, "resize.json.gz")))
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(r).Decode(&golden))
	return golden
}

// generated is the source image of resize.py.
func generated(w, h int) *Image {
	m := New(w, h)
	state := uint32(w*65536 + h)
	for i := range m.Pix {
		state = state*1664525 + 1013904223
		m.Pix[i] = uint8(state >> 24)
	}
	return m
}

func TestResizeEqualsPillowAndOpenCV(t *testing.T) {
	kinds := map[ResizeKind]int{}
	for _, g := range readResizeGolden(t).Bytes {
		kinds[g.Kind]++
		m := generated(g.From[0], g.From[1])
		got, err := Resize(g.Kind, m, g.To[0], g.To[1])
		require.NoError(t, err)
		require.Equal(t, g.To, [2]int{got.W, got.H})
		require.Equal(t, generated(g.From[0], g.From[1]), m, "the image is not changed")
		name := fmt.Sprintf("%s: %v to %v", g.Kind, g.From, g.To)
		if g.SHA256 == "" {
			require.Equal(t, g.Bytes, got.Pix, name)
			continue
		}
		sum := sha256.Sum256(got.Pix)
		require.Equal(t, g.SHA256, hex.EncodeToString(sum[:]), name)
	}
	require.Len(t, kinds, 2)
	require.Greater(t, min(kinds[Pillow], kinds[OpenCV]), 60)
}

func TestResizeBilinearIsLeftToTheFloatPipeline(t *testing.T) {
	m := generated(5, 4)
	for _, kind := range []ResizeKind{"", Bilinear, OpenCVFactor} {
		got, err := Resize(kind, m, 9, 8)
		require.NoError(t, err)
		require.Same(t, m, got)
	}
}

func TestResizeRefuses(t *testing.T) {
	_, err := Resize("area", generated(2, 2), 3, 3)
	require.EqualError(t, err, `resize "area": want bilinear, pillow, opencv or opencv-factor`)
	for _, kind := range []ResizeKind{Pillow, OpenCV} {
		_, err := Resize(kind, generated(2, 2), 3, 0)
		require.ErrorContains(t, err, "resize to 3x0: sides must be at least 1")
	}
	require.EqualError(t, Fitting("ceil").Check(), `fitting "ceil": want floor, round, round-once or round-even`)
	require.Panics(t, func() { Fitting("ceil").Fit(2, 2, 3, 3) })
	require.ErrorContains(t, ImageNet().FillScaled(nil, 0, generated(2, 2), raster.Transform{W: 2, H: 2}, math.NaN()), "factor of NaN")
}

// TestFillScaledEqualsOpenCV has values of 0 to 255, to which float32 positions and the normalisation there and back add rounding.
func TestFillScaledEqualsOpenCV(t *testing.T) {
	raw := Normalization{Std: [3]float32{1. / 255, 1. / 255, 1. / 255}}
	furthestOfRatio := 0.0 // what FillResized would be off
	for _, g := range readResizeGolden(t).Floats {
		m := generated(g.From[0], g.From[1])
		w, h := FitRoundEven.Fit(m.W, m.H, g.Shorter, 0)
		require.Equal(t, g.To, [2]int{w, h})
		require.Equal(t, g.Scale, FitRoundEven.Scale(m.W, m.H, g.Shorter, 0))
		scaled, ratio := make([]float32, 3*w*h), make([]float32, 3*w*h)
		require.NoError(t, raw.FillScaled(scaled, 3*w, m, raster.Transform{W: w, H: h}, g.Scale))
		require.NoError(t, raw.FillResized(ratio, 3*w, m, raster.Transform{W: w, H: h}))
		for i := range scaled {
			at := i/3*3 + 2 - i%3 // OpenCV has BGR
			want := float64(math.Float32frombits(binary.LittleEndian.Uint32(g.Values[4*at:])))
			require.InDelta(t, want, scaled[i], 1e-3, "%v by %v: value %d", g.From, g.Scale, i)
			furthestOfRatio = max(furthestOfRatio, math.Abs(want-float64(ratio[i])))
		}
	}
	require.Greater(t, furthestOfRatio, 10.0, "some case has sides that are rounded")
}

func TestFittingEqualsPublishedDetectors(t *testing.T) {
	golden := readResizeGolden(t)
	require.Equal(t, []Fitting{FitFloor, FitRound, FitRoundOnce, FitRoundEven}, golden.Rules)
	require.Greater(t, len(golden.Fits), 200)
	apart := 0 // where detectron2 and mmdetection differ
	for _, g := range golden.Fits {
		for i, rule := range golden.Rules {
			w, h := rule.Fit(g[0], g[1], g[2], g[3])
			require.Equal(t, g[4+2*i:6+2*i], []int{w, h}, "%s: %v", rule, g[:4])
		}
		if g[6] != g[8] || g[7] != g[9] {
			apart++
		}
	}
	require.Greater(t, apart, 50)
	for _, rule := range golden.Rules {
		w, h := rule.Fit(4000, 2, 600, 1000)
		require.Equal(t, [2]int{1000, 1}, [2]int{w, h}, "%s: a side has at least one pixel", rule)
	}
	w, h := Fitting("").Fit(640, 480, 800, 1333)
	require.Equal(t, [2]int{1066, 800}, [2]int{w, h})
}
