package raster

import (
	"image"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

var normalization = Normalization{Mean: [3]float32{0.5, 0.4, 0.3}, Std: [3]float32{0.2, 0.3, 0.4}}

// sample is an image whose bytes all differ from their neighbours.
func sample(w, h int) Image {
	p := Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	for i := range p.Pix {
		p.Pix[i] = uint8(i * 37)
	}
	return p
}

func TestFillIsTheFormula(t *testing.T) {
	dst := make([]float32, 3)
	require.NoError(t, normalization.Fill(dst, 3, Image{W: 1, H: 1, Pix: []uint8{10, 20, 30}}))
	for c, blueGreenRed := range []float32{30, 20, 10} {
		require.Equal(t, (blueGreenRed/255-normalization.Mean[c])/normalization.Std[c], dst[c])
	}
}

// An image made in parts, mirrored or not, has the pixels of the whole one, in their places.
func TestFillRowsMirroredAndInParts(t *testing.T) {
	for _, size := range [][4]int{{1, 1, 1, 1}, {1, 1, 4, 3}, {5, 4, 5, 4}, {5, 4, 9, 7}, {9, 7, 4, 3}} {
		p, w, h := sample(size[0], size[1]), size[2], size[3]
		upright := make([]float32, 3*w*h)
		require.NoError(t, normalization.FillResized(upright, 3*w, p, Transform{W: w, H: h}))
		for _, to := range []Transform{{w, h, false, false}, {w, h, true, false}, {w, h, false, true}, {w, h, true, true}} {
			for cut := range h + 1 {
				got := make([]float32, 3*w*h)
				require.NoError(t, normalization.FillRows(got, 3*w, p, to, 0, cut))
				require.NoError(t, normalization.FillRows(got, 3*w, p, to, cut, h))
				for y := range h {
					for x := range w {
						fromX, fromY := x, y
						if to.FlipX {
							fromX = w - 1 - x
						}
						if to.FlipY {
							fromY = h - 1 - y
						}
						at, from := 3*(y*w+x), 3*(fromY*w+fromX)
						require.Equal(t, upright[from:from+3], got[at:at+3], "%v of %v cut at %d: %d, %d", to, size, cut, x, y)
					}
				}
			}
		}
	}
}

func TestFillRefuses(t *testing.T) {
	p := sample(2, 2)
	require.ErrorContains(t, normalization.Fill(make([]float32, 12), 5, p), "a stride of 5 is below the 6 values of a row")
	require.ErrorContains(t, normalization.Fill(make([]float32, 11), 6, p), "12 values for 11")
	require.ErrorContains(t, normalization.FillResized(make([]float32, 12), 6, p, Transform{W: 0, H: 2}), "resize to 0x2")
}

// An image without all its pixels is an error in the caller's goroutine, not the end of the process in another one.
func TestImagesWithoutPixels(t *testing.T) {
	dst, part := make([]float32, 300), image.Rect(0, 0, 5, 5)
	for want, p := range map[string]Image{
		"an image of 10x10 pixels: Pix has 0 bytes, want 3 for each pixel":   {W: 10, H: 10},
		"an image of 10x10 pixels: Pix has 299 bytes, want 3 for each pixel": {W: 10, H: 10, Pix: make([]uint8, 299)},
		"an image of 10x10 pixels: Pix has 301 bytes, want 3 for each pixel": {W: 10, H: 10, Pix: make([]uint8, 301)},
		"an image of 0x10 pixels: sides must be at least 1":                  {W: 0, H: 10, Pix: make([]uint8, 300)},
		"an image of 10x-1 pixels: sides must be at least 1":                 {W: 10, H: -1},
		"pixels: Pix has 3 bytes, want 3 for each pixel":                     {W: 1 << 62, H: 4, Pix: make([]uint8, 3)}, // the product of the sides is 0
	} {
		for name, f := range map[string]func() error{
			"Check":       p.Check,
			"Fill":        func() error { return normalization.Fill(dst, 30, p) },
			"FillResized": func() error { return normalization.FillResized(dst, 15, p, Transform{W: 5, H: 5}) },
			"FillRows":    func() error { return normalization.FillRows(dst, 15, p, Transform{W: 5, H: 5}, 0, 5) },
			"FillScaled":  func() error { return normalization.FillScaled(dst, 15, p, Transform{W: 5, H: 5}, 0.5) },
			"ResizeBilinear": func() error {
				_, err := ResizeBilinear(p, 5, 5, part)
				return err
			},
			"ResizePillow": func() error {
				_, err := ResizePillow(p, 5, 5)
				return err
			},
			"Rotation": func() error {
				_, err := Rotation{W: 5, H: 5, Part: part}.Of(p)
				return err
			},
		} {
			require.ErrorContains(t, f(), want, name)
		}
	}
}

// The vector loops give the bits of the plain ones, also where pixels are no multiple of a vector, and write only their row.
func TestVectorsAreThePlainLoops(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = random.Float32()*4 - 2
		}
		return v
	}
	table := normalization.tables()
	for _, size := range [][2]int{{1, 1}, {1, 5}, {2, 1}, {7, 3}, {3, 7}, {5, 5}, {904, 480}, {64, 333}} {
		columns := lerpRule(lerpAt).line(size[0], size[1])
		source, lo, hi := values(3*size[0]+1), values(3*size[1]+1), values(3*size[1]+1)
		want, got := values(3*size[1]+1), values(3*size[1]+1)
		resizeRowPlainly(want, source, columns)
		resizeRow(got, source, columns)
		require.Equal(t, want[:3*size[1]], got[:3*size[1]], "row of %d resized to %d", size[0], size[1])

		pixels := sample(size[0], 1).Pix
		want, got = make([]float32, len(pixels)+1), make([]float32, len(pixels)+1)
		table.rowPlainly(want, pixels)
		table.row(got, pixels)
		require.Equal(t, want, got, "row of %d normalised", size[0])

		for n := range min(3*size[1], 40) {
			want, got = make([]float32, n+1), make([]float32, n+1)
			blendPlainly(want[:n], lo, hi, 0.3)
			blend(got[:n], lo, hi, 0.3)
			require.Equal(t, want, got, "%d values blended", n)
		}
	}
}

// BenchmarkFillResized is 904x600 resized to 480x320, as torchvision's 320 detector takes it, on one processor.
func BenchmarkFillResized(b *testing.B) {
	p, to := sample(904, 600), Transform{W: 480, H: 320}
	dst := make([]float32, 3*to.W*to.H)
	for b.Loop() {
		normalization.fillRows(dst, 3*to.W, p, to, 0, to.H, lerpAt)
	}
}
