package onnx

import (
	"encoding/binary"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/imaging"
	"scalenet/raster"
)

// Sizes and bytes of resized images are ours, but for roundings.
func TestResizesInRuntimes(t *testing.T) {
	requireRuntimes(t)
	var sizes [][2]int
	for side := 61; side < 400; side += 17 {
		sizes = append(sizes, [2]int{side, 121}, [2]int{97, side}, [2]int{side, side}, [2]int{2 * side, 3 * side})
	}
	for _, c := range []struct {
		name             string
		kind             imaging.ResizeKind
		rounding         imaging.Fitting
		shorter, longest int
		bytes, share     float64
	}{
		{"bilinear", imaging.Bilinear, imaging.FitFloor, 150, 250, 0.02, 0},
		{"pillow", imaging.Pillow, imaging.FitRound, 150, 250, 1e-4, 0},
		{"opencv", imaging.OpenCV, imaging.FitRoundOnce, 150, 250, 1.001, 1e-3},
		{"opencv-factor", imaging.OpenCVFactor, imaging.FitRoundEven, 150, 250, 0.02, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder("resize")
			image := b.image()
			from := sides{b.size(image, 2), b.size(image, 1)}
			to, factor := b.fit(c.rounding, from, c.shorter, c.longest)
			b.rename(b.resizeAs(c.kind, b.transpose(b.cast(image, float32Type), 0, 3, 1, 2), from, to, factor), "resized")
			b.graph.Output = append(b.graph.Output, described("resized", float32Type, "batch", 3, "rows", "columns"))
			m, err := b.file([]string{"none"}, map[string]string{})
			require.NoError(t, err)
			dir := t.TempDir()
			j := job{Classes: []string{"none"}, Bytes: c.bytes, Share: c.share}
			for i, p := range synthetic(sizes) {
				of := rgb(t, dir, i, p)
				of.Expected = of.File + ".resized"
				of.Shape = expectResized(t, of.Expected, c.kind, c.rounding, p, c.shorter, c.longest)
				j.Images = append(j.Images, of)
			}
			check(t, dir, m, j)
		})
	}
}

// expectResized writes what we resize an image to, as planes of red, green and blue, and returns its shape.
func expectResized(t *testing.T, path string, kind imaging.ResizeKind, rule imaging.Fitting, p *imaging.Image, shorter, longest int) []int {
	w, h := rule.Fit(p.W, p.H, shorter, longest)
	resized, err := imaging.Resize(kind, p, w, h)
	require.NoError(t, err)
	pixels := make([]float32, 3*w*h)
	bytes := imaging.Normalization{Std: [3]float32{1. / 255, 1. / 255, 1. / 255}}
	if kind == imaging.OpenCVFactor {
		err = bytes.FillScaled(pixels, 3*w, p, raster.Transform{W: w, H: h}, rule.Scale(p.W, p.H, shorter, longest))
	} else {
		err = bytes.FillResized(pixels, 3*w, resized, raster.Transform{W: w, H: h})
	}
	require.NoError(t, err)
	var raw []byte
	for c := range 3 {
		for i := range w * h {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(pixels[3*i+c]))
		}
	}
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	return []int{3, h, w}
}
