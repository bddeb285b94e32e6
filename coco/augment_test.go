package coco

import (
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
	"scalenet/imaging"
)

// redSet is images of the mean colour, each with a red object and a smaller one, so that whatever covers no object looks the same.
func redSet(t testing.TB, sizes ...geom.Size) *Dataset {
	d := &Dataset{Path: "red.json", ImagesDir: t.TempDir(), Categories: []Category{{1, "red"}}}
	fill := imaging.ImageNet().MeanColour()
	for i, s := range sizes {
		name := fmt.Sprintf("%d.png", i)
		m := imaging.Uniform(s.W, s.H, fill)
		d.Images = append(d.Images, Image{ID: int64(i), FileName: name, Width: s.W, Height: s.H})
		for _, b := range [][4]int{{s.W / 8, s.H / 8, s.W / 3, s.H / 4}, {s.W * 5 / 8, s.H / 2, s.W / 4, s.H / 3}} {
			if b[2] > 0 && b[3] > 0 {
				m.Paste(b[0], b[1], imaging.Uniform(b[2], b[3], [3]uint8{0, 0, 255}))
				d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations)), Image: i, Class: 1,
					Box: [4]float64{float64(b[0]), float64(b[1]), float64(b[2]), float64(b[3])}})
			}
		}
		require.NoError(t, m.Save(filepath.Join(d.ImagesDir, name)))
	}
	d.index()
	return d
}

// red reports whether a pixel of image i of a batch is at least 60 % of the way from the mean colour to red.
func red(b *Batch, i, x, y int) bool {
	if x < 0 || y < 0 || x >= b.W || y >= b.H {
		return false
	}
	return b.Pixels[((i*b.H+y)*b.W+x)*3+1] < -0.6*0.456/0.224 // green
}

// inside reports whether the centre of a pixel is in a box, or at most margin pixels outside.
func inside(box geom.Box, x, y int, margin float32) bool {
	px, py := float32(x)+0.5, float32(y)+0.5
	return px > box.X1-margin && px < box.X2+margin && py > box.Y1-margin && py < box.Y2+margin
}

// requireBoxesAroundObjects: every red pixel is in a box, and every box that is not rotated or largely cut off touches red with its sides.
func requireBoxesAroundObjects(t testing.TB, b *Batch, rotated bool, name string) {
	for i, s := range b.Samples {
		name := fmt.Sprintf("%s: step %d sample %d of %v, boxes %v", name, b.Step, i, s.Resized, s.Boxes)
		for y := range b.H {
			for x := range b.W {
				if !red(b, i, x, y) {
					continue
				}
				in := false
				for _, box := range s.Boxes {
					in = in || inside(box, x, y, 1)
				}
				// A strip of a pixel may be what is left of a box that was dropped.
				thick := (red(b, i, x-1, y) || red(b, i, x+1, y)) && (red(b, i, x, y-1) || red(b, i, x, y+1))
				require.True(t, in || !thick, "%s: pixel %d, %d", name, x, y)
			}
		}
		for k, box := range s.Boxes {
			require.True(t, box.X1 >= 0 && box.Y1 >= 0 && box.X2 <= float32(s.Resized.W) && box.Y2 <= float32(s.Resized.H), name)
			require.True(t, box.X2-box.X1 >= 1 && box.Y2-box.Y1 >= 1, name)
			if rotated || s.Crowd[k] || min(box.X2-box.X1, box.Y2-box.Y1) < 4 {
				continue
			}
			var sides [4]bool
			for y := int(box.Y1); y < int(box.Y2); y++ {
				for x := int(box.X1); x < int(box.X2); x++ {
					if red(b, i, x, y) {
						sides[0] = sides[0] || x < int(box.X1)+2
						sides[1] = sides[1] || x > int(box.X2)-3
						sides[2] = sides[2] || y < int(box.Y1)+2
						sides[3] = sides[3] || y > int(box.Y2)-3
					}
				}
			}
			require.Equal(t, [4]bool{true, true, true, true}, sides, "%s: box %d", name, k)
		}
	}
}

// TestPixelsAndBoxesMoveTogether under every combination of changes of geometry, on pictures that grow, shrink and keep their size.
func TestPixelsAndBoxesMoveTogether(t *testing.T) {
	d := redSet(t, append(repeated(geom.Size{W: 80, H: 50}, 3), geom.Size{W: 30, H: 90}, geom.Size{W: 300, H: 200}, geom.Size{W: 61, H: 61},
		geom.Size{W: 1, H: 1}, geom.Size{W: 3, H: 70})...)
	for bits := range 16 {
		for _, kind := range []imaging.ResizeKind{imaging.Bilinear, imaging.Pillow, imaging.OpenCV} {
			cfg := LoaderConfig{Batch: 2, Shorter: []int{48, 60}, Longest: 100, Shuffle: true, Repeat: true, Seed: uint64(bits), Resize: kind}
			cfg.FlipHorizontal, cfg.FlipVertical = bits&1 > 0, bits&1 > 0
			if bits&2 > 0 {
				cfg.ScaleJitter = [2]float64{0.3, 2.5}
			}
			if bits&4 > 0 {
				cfg.Rotation = 20
			}
			if bits&8 > 0 {
				cfg.Mosaic = 0.7
			}
			l := newLoader(t, d, cfg)
			for epoch := range 3 {
				require.NoError(t, l.Seek(epoch, 0))
				for _, b := range rest(t, l) {
					require.Contains(t, l.Sizes(), geom.Size{W: b.W, H: b.H})
					requireBoxesAroundObjects(t, b, cfg.Rotation > 0, fmt.Sprintf("%04b %s epoch %d", bits, kind, epoch))
				}
			}
		}
	}
}

// everything is every augmentation at once.
func everything() LoaderConfig {
	cfg := training()
	cfg.Contrast, cfg.Saturation, cfg.Hue, cfg.Rotation, cfg.ScaleJitter = 0.3, 0.4, 0.1, 10, [2]float64{0.4, 2}
	cfg.Mosaic, cfg.MosaicEpochs, cfg.RepeatThreshold = 0.5, 2, 0.5
	return cfg
}

// TestEverythingIsRepeatable: workers, caching and resuming change nothing, and neither does it who resizes.
func TestEverythingIsRepeatable(t *testing.T) {
	d := imageSet(t, append(repeated(geom.Size{W: 80, H: 50}, 7), repeated(geom.Size{W: 30, H: 90}, 4)...)...)
	cfg := everything()
	cfg.Workers, cfg.Prefetch = 1, 1
	plain := newLoader(t, d, cfg)
	cfg.Workers, cfg.Prefetch, cfg.CacheBytes = 5, 9, 40_000 // holds a few images
	busy := newLoader(t, d, cfg)
	cfg.Raw = true
	raw := newLoader(t, d, cfg)
	for epoch := range 3 {
		require.NoError(t, plain.Seek(epoch, 0))
		require.NoError(t, busy.Seek(epoch, 0))
		require.NoError(t, raw.Seek(epoch, 0))
		want := rest(t, plain)
		require.Equal(t, want, rest(t, busy))
		for i, b := range rest(t, raw) {
			b.Pixels = make([]float32, len(want[i].Pixels))
			for k, p := range b.Raw {
				require.NoError(t, imaging.ImageNet().FillResized(b.Pixels[k*b.H*b.W*3:], b.W*3, p.Image, p.Transform))
			}
			b.Raw = nil
			require.Equal(t, want[i], b)
		}
		for step := range plain.Batches() {
			require.NoError(t, busy.Seek(epoch, step))
			b, err := busy.Next(t.Context())
			require.NoError(t, err)
			b.Loading, b.Filling = 0, 0
			require.Equal(t, want[step], b)
		}
		mosaics := 0
		for _, b := range want {
			for _, s := range b.Samples {
				mosaics += len(s.Others) / 3
			}
		}
		require.Equal(t, epoch < 2, mosaics > 0, "%d mosaics in epoch %d", mosaics, epoch)
	}
}

// TestColoursLeaveGeometry: a setting does not change the draws of another.
func TestColoursLeaveGeometry(t *testing.T) {
	d := redSet(t, repeated(geom.Size{W: 80, H: 50}, 9)...)
	with := everything()
	without := with
	without.Brightness, without.Contrast, without.Saturation, without.Hue = 0, 0, 0, 0
	coloured, plain := rest(t, newLoader(t, d, with)), rest(t, newLoader(t, d, without))
	changed := 0
	for i := range plain {
		require.Equal(t, plain[i].Samples, coloured[i].Samples)
		for k, v := range plain[i].Pixels {
			if v != coloured[i].Pixels[k] {
				changed++
			}
		}
	}
	require.Greater(t, changed, 1000)
	flips := LoaderConfig{FlipHorizontal: true, FlipVertical: true, Brightness: 0.2, Seed: 7}
	for place := range 100 {
		a, b := flips.draw(3, place), with.draw(3, place)
		require.Equal(t, [3]any{a.flipX, a.flipY, a.colours.Brightness}, [3]any{b.flipX, b.flipY, b.colours.Brightness})
		require.Equal(t, imaging.Adjustment{Brightness: a.colours.Brightness, Contrast: 1, Saturation: 1}, a.colours)
	}
}

// TestDrawsCoverTheirRanges and stay in them.
func TestDrawsCoverTheirRanges(t *testing.T) {
	cfg := everything()
	cfg.Mosaic, cfg.MosaicEpochs = 0.25, 0
	lowest, highest := [5]float64{9, 9, 9, 9, 9}, [5]float64{-9, -9, -9, -9, -9}
	mosaics := 0
	for place := range 4000 {
		a := cfg.draw(1, place)
		for i, v := range [5]float64{a.colours.Contrast, a.colours.Saturation, a.colours.Hue, a.degrees / 10, a.scale} {
			lowest[i], highest[i] = min(lowest[i], v), max(highest[i], v)
		}
		if a.mosaic {
			mosaics++
		}
	}
	require.InDeltaSlice(t, []float64{0.7, 0.6, -0.1, -1, 0.4}, lowest[:], 0.01)
	require.InDeltaSlice(t, []float64{1.3, 1.4, 0.1, 1, 2}, highest[:], 0.01)
	require.InDelta(t, 1000, mosaics, 100)
	seen := map[int]bool{-1: true}
	for place := range 100 {
		for k := 1; k < 4; k++ {
			require.Less(t, otherPlace(place, k), -1)
			require.False(t, seen[otherPlace(place, k)])
			seen[otherPlace(place, k)] = true
		}
	}
}

// TestCutObjects: what is largely cut off is ignored, slivers are dropped, crowds stay crowds, and a picture without objects is background.
func TestCutObjects(t *testing.T) {
	d := &Dataset{Annotations: []Annotation{
		{Class: 1, Box: [4]float64{0, 0, 10, 10}}, {Class: 1, Box: [4]float64{2, 2, 10, 6}, Crowd: true}, {Class: 1, Box: [4]float64{0, 0, 0, 5}}},
		Images: []Image{{Width: 20, Height: 20}}, Categories: []Category{{1, "a"}}}
	d.index()
	l := &Loader{data: d, sizes: []geom.Size{{W: 20, H: 20}}}
	for name, c := range map[string]struct {
		from  int // left of the part
		boxes []geom.Box
		crowd []bool
	}{
		"whole":      {0, []geom.Box{{X1: 0, Y1: 0, X2: 10, Y2: 10}, {X1: 2, Y1: 2, X2: 12, Y2: 8}}, []bool{false, true}},
		"30 %":       {7, []geom.Box{{X1: 0, Y1: 0, X2: 3, Y2: 10}, {X1: 0, Y1: 2, X2: 5, Y2: 8}}, []bool{false, true}},
		"20 %":       {8, []geom.Box{{X1: 0, Y1: 0, X2: 2, Y2: 10}, {X1: 0, Y1: 2, X2: 4, Y2: 8}}, []bool{true, true}},
		"a pixel":    {9, []geom.Box{{X1: 0, Y1: 0, X2: 1, Y2: 10}, {X1: 0, Y1: 2, X2: 3, Y2: 8}}, []bool{true, true}},
		"one is cut": {10, []geom.Box{{X1: 0, Y1: 2, X2: 2, Y2: 8}}, []bool{true}},
		"nothing":    {12, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := placing{source: l.sizes[0], resized: l.sizes[0], part: image.Rect(c.from, 0, 20, 20)}
			var s Sample
			l.addObjects(&s, 0, &p)
			require.Equal(t, c.boxes, s.Boxes)
			require.Equal(t, c.crowd, s.Crowd)
			require.Len(t, s.Classes, len(c.boxes))
		})
	}
}

// TestCropsLookForObjects: a crop that would have none is drawn again, and pictures without any are cropped, too.
func TestCropsLookForObjects(t *testing.T) {
	d := imageSet(t, repeated(geom.Size{W: 80, H: 60}, 60)...)
	for i := range d.Annotations {
		d.Annotations[i].Box = [4]float64{0, 0, 20, 20} // in a corner; a crop is a ninth of the picture
		if i >= 40 {
			d.Annotations[i].Crowd = true
		}
	}
	cfg := LoaderConfig{Batch: 1, Shorter: []int{60}, Longest: 80, ScaleJitter: [2]float64{3, 3}, Divisor: 1}
	with, total := 0, 0
	for _, b := range rest(t, newLoader(t, d, cfg)) {
		s := b.Samples[0]
		require.Equal(t, geom.Size{W: 80, H: 60}, s.Resized)
		require.Equal(t, float32(3), s.ScaleX)
		if s.Index < 40 {
			total++
			if slices.Contains(s.Crowd, false) {
				with++
			}
		}
	}
	require.Equal(t, 40, total)
	require.Greater(t, with, 10, "one crop in twenty has enough of it, so that a single try would give two")
	require.Less(t, with, 40, "the last try is kept")
}

// TestTile: a picture that is smaller than its quarter touches the centre, a larger one fills the quarter.
func TestTile(t *testing.T) {
	batch, centre := geom.Size{W: 100, H: 80}, image.Pt(40, 30)
	quarters := []geom.Size{{W: 40, H: 30}, {W: 60, H: 30}, {W: 40, H: 50}, {W: 60, H: 50}}
	for _, resized := range []geom.Size{{W: 20, H: 10}, {W: 200, H: 10}, {W: 1, H: 1}, {W: 200, H: 100}} {
		for k, want := range quarters {
			p := placing{resized: resized}
			require.Equal(t, want, p.tile(k, centre, batch))
			kept := image.Rectangle{Min: p.at, Max: p.at.Add(image.Pt(min(resized.W, want.W), min(resized.H, want.H)))}
			corner := []image.Point{kept.Max, {X: kept.Min.X, Y: kept.Max.Y}, {X: kept.Max.X, Y: kept.Min.Y}, kept.Min}[k]
			require.Equal(t, centre, corner, "picture %d of %v", k, resized)
			require.True(t, kept.In(image.Rect(0, 0, batch.W, batch.H)))
		}
	}
}

// TestMosaicPicturesDiffer: each has its own draws.
func TestMosaicPicturesDiffer(t *testing.T) {
	d := redSet(t, repeated(geom.Size{W: 80, H: 60}, 8)...)
	cfg := LoaderConfig{Batch: 8, Shorter: []int{300}, Longest: 400, ScaleJitter: [2]float64{0.1, 0.25}, Mosaic: 1, Shuffle: true}
	widths := map[float32]bool{}
	b := rest(t, newLoader(t, d, cfg))[0]
	for _, s := range b.Samples {
		require.Len(t, s.Boxes, 8)
		require.Len(t, s.Others, 3)
		for k := 0; k < 8; k += 2 {
			widths[s.Boxes[k].X2-s.Boxes[k].X1] = true
		}
	}
	require.Len(t, b.FileNames(), 8, "one per image: the training's rate and budget count them")
	require.Equal(t, 3, strings.Count(b.FileNames()[0], ", "))
	require.Greater(t, len(widths), 20, "of 32 pictures; their sides are whole pixels")
}

// TestScaleJitterPads a picture that became smaller, in the upper left corner, and cuts one that became larger.
func TestScaleJitterPads(t *testing.T) {
	d := imageSet(t, repeated(geom.Size{W: 80, H: 60}, 4)...)
	for factor, want := range map[float64]geom.Size{0.5: {W: 40, H: 30}, 1: {W: 80, H: 60}, 2: {W: 96, H: 64}} {
		cfg := LoaderConfig{Batch: 4, Shorter: []int{60}, Longest: 80, ScaleJitter: [2]float64{factor, factor}}
		b := rest(t, newLoader(t, d, cfg))[0]
		require.Equal(t, [2]int{96, 64}, [2]int{b.W, b.H})
		for i, s := range b.Samples {
			require.Equal(t, want, s.Resized)
			for y := range b.H {
				for x := range b.W {
					if x >= s.Resized.W || y >= s.Resized.H {
						require.Zero(t, b.Pixels[((i*b.H+y)*b.W+x)*3])
					}
				}
			}
		}
	}
}

// TestJitterOfOne is the plain loader but for the rounding to bytes.
func TestJitterOfOne(t *testing.T) {
	d := imageSet(t, append(repeated(geom.Size{W: 70, H: 50}, 5), geom.Size{W: 1, H: 1})...)
	cfg := training()
	cfg.Brightness = 0
	want := rest(t, newLoader(t, d, cfg))
	cfg.ScaleJitter = [2]float64{1, 1}
	for i, b := range rest(t, newLoader(t, d, cfg)) {
		for k, s := range b.Samples {
			w := want[i].Samples[k]
			require.Equal(t, w.Resized, s.Resized)
			require.Equal(t, len(w.Boxes), len(s.Boxes))
			for j := range s.Boxes {
				require.InDeltaSlice(t, geom.Rows(w.Boxes), geom.Rows(s.Boxes), 1e-4, j)
			}
		}
		require.InDeltaSlice(t, want[i].Pixels, b.Pixels, 1.0/255/0.224)
	}
}

func TestAugmentationErrors(t *testing.T) {
	d := imageSet(t, geom.Size{W: 80, H: 50})
	for want, change := range map[string]func(*LoaderConfig){
		"Contrast is 1, want at least 0 and below 1": func(c *LoaderConfig) { c.Contrast = 1 },
		"Saturation is -1":                           func(c *LoaderConfig) { c.Saturation = -1 },
		"Hue is 0.6, want 0 to 0.5":                  func(c *LoaderConfig) { c.Hue = 0.6 },
		"Rotation is 181, want 0 to 180":             func(c *LoaderConfig) { c.Rotation = 181 },
		"Mosaic is 2, want 0 to 1":                   func(c *LoaderConfig) { c.Mosaic = 2 },
		"MosaicEpochs is -1, want at least 0":        func(c *LoaderConfig) { c.MosaicEpochs = -1 },
		"RepeatThreshold is 3, want 0 to 1":          func(c *LoaderConfig) { c.RepeatThreshold = 3 },
		"ScaleJitter is [2 1], want the lowest":      func(c *LoaderConfig) { c.ScaleJitter = [2]float64{2, 1} },
		"ScaleJitter is [0 1], want the lowest":      func(c *LoaderConfig) { c.ScaleJitter = [2]float64{0, 1} },
	} {
		cfg := training()
		change(&cfg)
		_, err := NewLoader(d, cfg)
		require.ErrorContains(t, err, want)
	}
}
