package coco

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// imageSet makes black images of the given sizes, each with one red object.
func imageSet(t testing.TB, sizes ...geom.Size) *Dataset {
	d := &Dataset{Path: "set.json", ImagesDir: t.TempDir(), Categories: []Category{{1, "red"}}}
	for i, s := range sizes {
		name := fmt.Sprintf("%d.png", i)
		d.Images = append(d.Images, Image{ID: int64(i + 10), FileName: name, Width: s.W, Height: s.H})
		box := image.Rect(s.W/8, s.H/8, s.W/2, s.H/3)
		m := image.NewRGBA(image.Rect(0, 0, s.W, s.H))
		for y := range s.H {
			for x := range s.W {
				m.Set(x, y, color.RGBA{A: 255})
				if (image.Point{X: x, Y: y}).In(box) {
					m.Set(x, y, color.RGBA{R: 200, A: 255})
				}
			}
		}
		f, err := os.Create(filepath.Join(d.ImagesDir, name))
		require.NoError(t, err)
		require.NoError(t, png.Encode(f, m))
		require.NoError(t, f.Close())
		d.Annotations = append(d.Annotations, Annotation{ID: int64(i), Image: i, Class: 1,
			Box: [4]float64{float64(box.Min.X), float64(box.Min.Y), float64(box.Dx()), float64(box.Dy())}})
	}
	d.index()
	return d
}

func repeated(s geom.Size, n int) (sizes []geom.Size) {
	for range n {
		sizes = append(sizes, s)
	}
	return sizes
}

func newLoader(t testing.TB, d *Dataset, cfg LoaderConfig) *Loader {
	l, err := NewLoader(d, cfg)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// rest reads the epoch to its end.
func rest(t testing.TB, l *Loader) (batches []*Batch) {
	for {
		b, err := l.Next(t.Context())
		if err == io.EOF {
			return batches
		}
		require.NoError(t, err)
		b.Loading, b.Filling = 0, 0 // all else is the same each time
		batches = append(batches, b)
	}
}

func training() LoaderConfig {
	return LoaderConfig{Batch: 2, Shorter: []int{48, 60}, Longest: 100, Shuffle: true, Repeat: true,
		FlipHorizontal: true, FlipVertical: true, Brightness: 0.2, Seed: 7}
}

func TestLoaderPixels(t *testing.T) {
	d := imageSet(t, geom.Size{W: 70, H: 50})
	cfg := LoaderConfig{Batch: 1, Shorter: []int{60}, Longest: 100}
	batches := rest(t, newLoader(t, d, cfg))
	require.Len(t, batches, 1)
	b := batches[0]
	s := b.Samples[0]
	require.Equal(t, [2]int{96, 64}, [2]int{b.W, b.H})
	require.Equal(t, geom.Size{W: 84, H: 60}, s.Resized)
	require.Equal(t, geom.Size{W: 70, H: 50}, s.Original)
	require.Equal(t, []geom.Box{geom.Box{X1: 8, Y1: 6, X2: 35, Y2: 16}.Scale(84./70, 60./50)}, s.Boxes)
	require.Equal(t, []int{1}, s.Classes)
	require.Equal(t, []bool{false}, s.Crowd)
	require.Equal(t, []string{"0.png"}, b.FileNames())

	image, err := imaging.Load(d.ImagePath(0), imaging.Limits{})
	require.NoError(t, err)
	want := make([]float32, 64*96*3)
	require.NoError(t, imaging.ImageNet().FillResized(want, 96*3, image, raster.Transform{W: 84, H: 60}))
	require.Equal(t, want, b.Pixels, "also that the padding is 0")
}

// TestRawLoader: images as they are become the same images.
func TestRawLoader(t *testing.T) {
	d := imageSet(t, append(repeated(geom.Size{W: 80, H: 50}, 5), repeated(geom.Size{W: 30, H: 90}, 2)...)...)
	cfg := training()
	want := rest(t, newLoader(t, d, cfg))
	cfg.Raw = true
	got := rest(t, newLoader(t, d, cfg))
	require.Len(t, got, len(want))
	for i, b := range got {
		require.Nil(t, b.Pixels)
		require.Len(t, b.Raw, 2)
		pixels := make([]float32, len(want[i].Pixels))
		for k, p := range b.Raw {
			require.NoError(t, imaging.ImageNet().FillResized(pixels[k*b.H*b.W*3:], b.W*3, p.Image, p.Transform))
		}
		b.Pixels, b.Raw = pixels, nil
		require.Equal(t, want[i], b)
	}
}

// TestLoaderBoxes looks for the red object where its box is, whatever was done to the image.
func TestLoaderBoxes(t *testing.T) {
	cfg := training()
	cfg.Normalization = imaging.Normalization{Std: [3]float32{1, 1, 1}}
	l := newLoader(t, imageSet(t, append(repeated(geom.Size{W: 80, H: 50}, 5), repeated(geom.Size{W: 30, H: 90}, 5)...)...), cfg)
	corners, brightness := map[[2]bool]bool{}, map[float32]bool{}
	for epoch := range 4 {
		require.NoError(t, l.Seek(epoch, 0))
		for _, b := range rest(t, l) {
			require.Len(t, b.Samples, 2)
			for i, s := range b.Samples {
				box := s.Boxes[0]
				red := func(x, y float32) float32 { return b.Pixels[((i*b.H+int(y))*b.W+int(x))*3] }
				middle := red((box.X1+box.X2)/2, (box.Y1+box.Y2)/2)
				require.InDelta(t, 200./255, middle, 0.2*200/255+0.01)
				require.Greater(t, red(box.X1+2, box.Y1+2), middle/2)
				require.Greater(t, red(box.X2-3, box.Y2-3), middle/2)
				require.Less(t, red(max(0, box.X1-3), (box.Y1+box.Y2)/2), middle/2)
				require.Less(t, red(min(float32(s.Resized.W)-1, box.X2+3), (box.Y1+box.Y2)/2), middle/2)
				corners[[2]bool{box.X1 > float32(s.Resized.W)-box.X2, box.Y1 > float32(s.Resized.H)-box.Y2}] = true
				brightness[middle] = true
			}
		}
	}
	require.Len(t, corners, 4, "all flips occur")
	require.Greater(t, len(brightness), 10)
}

// TestLoaderRepeatable compares loaders that work differently, and one that resumes.
func TestLoaderRepeatable(t *testing.T) {
	d := imageSet(t, append(repeated(geom.Size{W: 80, H: 50}, 7), repeated(geom.Size{W: 30, H: 90}, 4)...)...)
	cfg := training()
	cfg.Workers, cfg.Prefetch = 1, 1
	plain := newLoader(t, d, cfg)
	cfg.Workers, cfg.Prefetch, cfg.CacheBytes = 5, 9, 40_000 // holds a few images
	busy := newLoader(t, d, cfg)
	var epochs [2][]*Batch
	for epoch := range epochs {
		require.NoError(t, plain.Seek(epoch, 0))
		require.NoError(t, busy.Seek(epoch, 0))
		epochs[epoch] = rest(t, plain)
		require.Equal(t, epochs[epoch], rest(t, busy))
		require.Len(t, epochs[epoch], plain.Batches())
	}
	require.NotEqual(t, epochs[0][0].Samples, epochs[1][0].Samples, "epochs differ")
	for step := range plain.Batches() {
		require.NoError(t, busy.Seek(1, step))
		require.Equal(t, epochs[1][step:], rest(t, busy))
	}
	cfg.Seed++
	require.NotEqual(t, epochs[0], rest(t, newLoader(t, d, cfg)), "seeds differ")
}

// TestLoaderCoversEpoch counts images.
func TestLoaderCoversEpoch(t *testing.T) {
	d := imageSet(t, append(repeated(geom.Size{W: 80, H: 50}, 7), repeated(geom.Size{W: 30, H: 90}, 3)...)...)
	for _, repeat := range []bool{false, true} {
		cfg := training()
		cfg.Batch, cfg.Repeat = 4, repeat
		l := newLoader(t, d, cfg)
		seen := make([]int, len(d.Images))
		for _, b := range rest(t, l) {
			for _, s := range b.Samples {
				seen[s.Index]++
			}
			if repeat {
				require.Len(t, b.Samples, 4)
			}
			require.Contains(t, l.Sizes(), geom.Size{W: b.W, H: b.H})
		}
		for i, n := range seen {
			require.GreaterOrEqual(t, n, 1, "image %d", i)
			if !repeat {
				require.Equal(t, 1, n, "image %d", i)
			}
		}
	}
	l := newLoader(t, d, LoaderConfig{Batch: 1, Shorter: []int{48}, Longest: 100})
	for i, b := range rest(t, l) {
		require.Equal(t, i, b.Samples[0].Index, "without shuffling the order is the data set's")
	}
}

func TestBuckets(t *testing.T) {
	size := func(i int) geom.Size { // a mixture like COCO's, and two odd ones
		return []geom.Size{{W: 640, H: 480}, {W: 480, H: 640}, {W: 640, H: 427}, {W: 500, H: 375}, {W: 640, H: 640},
			{W: 333, H: 500}, {W: 4000, H: 20}, {W: 1, H: 1}}[i%8]
	}
	images := make([]int, 80)
	for i := range images {
		images[i] = i
	}
	previous := 1e18
	for n := 1; n <= 6; n++ {
		cfg, err := LoaderConfig{Batch: 2, Shorter: []int{480, 600}, Longest: 1000, Buckets: n, Repeat: true}.withDefaults()
		require.NoError(t, err)
		buckets := makeBuckets(&cfg, images, size)
		require.LessOrEqual(t, len(buckets), n)
		count, cost := 0, 0.0
		for _, b := range buckets {
			count += len(b.images)
			cost += float64(cfg.filled(len(b.images)) * b.sizes[1].W * b.sizes[1].H)
			for k, shorter := range cfg.Shorter {
				require.Zero(t, b.sizes[k].W%32+b.sizes[k].H%32)
				for _, i := range b.images {
					s := cfg.fit(size(i), shorter)
					require.True(t, s.W <= b.sizes[k].W && s.H <= b.sizes[k].H)
				}
			}
		}
		require.Equal(t, len(images), count)
		require.LessOrEqual(t, cost, previous, "more buckets pad less")
		previous = cost
	}
}

func TestLoaderErrors(t *testing.T) {
	d := imageSet(t, repeated(geom.Size{W: 80, H: 50}, 3)...)
	good := LoaderConfig{Batch: 1, Shorter: []int{48}, Longest: 100}
	t.Run("corrupt", func(t *testing.T) {
		require.NoError(t, os.WriteFile(d.ImagePath(1), []byte("no image"), 0o644))
		l := newLoader(t, d, good)
		_, err := l.Next(t.Context())
		require.NoError(t, err)
		for range 2 {
			_, err = l.Next(t.Context())
			require.ErrorContains(t, err, "set.json: images[1]:")
			require.ErrorContains(t, err, "1.png")
		}
		require.NoError(t, l.Seek(0, 2))
		b, err := l.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, b.Samples[0].Index)
	})
	t.Run("missing", func(t *testing.T) {
		require.NoError(t, os.Remove(d.ImagePath(1)))
		l := newLoader(t, d, good)
		require.NoError(t, l.Seek(0, 1))
		_, err := l.Next(t.Context())
		require.ErrorIs(t, err, os.ErrNotExist)
		require.ErrorContains(t, err, "1.png")
	})
	t.Run("size", func(t *testing.T) {
		d := imageSet(t, geom.Size{W: 80, H: 50})
		d.Images[0].Width, d.Images[0].Height = 50, 80
		_, err := newLoader(t, d, good).Next(t.Context())
		require.ErrorContains(t, err, "0.png: the image has 80x50 pixels, its annotation says 50x80")
		d.Images[0].Width, d.Images[0].Height = 0, 0
		b, err := newLoader(t, d, good).Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, geom.Size{W: 80, H: 50}, b.Samples[0].Original)
	})
	t.Run("seek", func(t *testing.T) {
		l := newLoader(t, d, good)
		require.ErrorContains(t, l.Seek(0, 4), "no batch 4 in epoch 0: an epoch has 3")
		require.ErrorContains(t, l.Seek(-1, 0), "no batch 0 in epoch -1")
		require.NoError(t, l.Seek(0, 3))
		_, err := l.Next(t.Context())
		require.Equal(t, io.EOF, err)
	})
	cases := map[string]struct {
		change func(*LoaderConfig)
		want   string
	}{
		"batch":      {func(c *LoaderConfig) { c.Batch = 0 }, "Batch is 0, want at least 1"},
		"no size":    {func(c *LoaderConfig) { c.Shorter = nil }, "Shorter is empty"},
		"size":       {func(c *LoaderConfig) { c.Shorter = []int{48, 101} }, "Shorter[1] is 101, want 1 to Longest, 100"},
		"divisor":    {func(c *LoaderConfig) { c.Divisor = -32 }, "Divisor is -32"},
		"least side": {func(c *LoaderConfig) { c.MinSide = -1 }, "MinSide is -1"},
		"brightness": {func(c *LoaderConfig) { c.Brightness = 1 }, "Brightness is 1"},
		"cache":      {func(c *LoaderConfig) { c.CacheBytes = -1 }, "CacheBytes is -1"},
		"deviation":  {func(c *LoaderConfig) { c.Normalization.Std[0] = 1 }, "Normalization.Std is [1 0 0]"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			_, err := NewLoader(d, cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestLoaderMinSide pads a strip to what a network needs.
func TestLoaderMinSide(t *testing.T) {
	d := imageSet(t, geom.Size{W: 200, H: 8})
	l := newLoader(t, d, LoaderConfig{Batch: 1, Shorter: []int{48}, Longest: 100, MinSide: 50})
	require.Equal(t, []geom.Size{{W: 128, H: 64}}, l.Sizes())
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, geom.Size{W: 100, H: 4}, b.Samples[0].Resized)
}

// TestLoaderObjects leaves out what cannot be trained on.
func TestLoaderObjects(t *testing.T) {
	d := imageSet(t, repeated(geom.Size{W: 80, H: 50}, 3)...)
	d.Annotations[0].Box[2] = 0
	d.Annotations[1].Crowd = true
	cfg := LoaderConfig{Batch: 1, Shorter: []int{48}, Longest: 100}
	batches := rest(t, newLoader(t, d, cfg))
	require.Len(t, batches, 3)
	require.Empty(t, batches[0].Samples[0].Boxes)
	require.Equal(t, []bool{true}, batches[1].Samples[0].Crowd)
	cfg.OnlyWithObjects = true
	batches = rest(t, newLoader(t, d, cfg))
	require.Len(t, batches, 1)
	require.Equal(t, 2, batches[0].Samples[0].Index)
	d.Annotations[2].Crowd = true
	_, err := NewLoader(d, cfg)
	require.ErrorContains(t, err, "none of its 3 images can be used")
}

// TestLoaderStops ends with its context, loses no batch by that, and leaves no goroutine behind.
func TestLoaderStops(t *testing.T) {
	d := imageSet(t, repeated(geom.Size{W: 80, H: 50}, 20)...)
	before := runtime.NumGoroutine()
	l := newLoader(t, d, LoaderConfig{Batch: 1, Shorter: []int{48}, Longest: 100})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Next(ctx)
	require.NoError(t, err)
	cancel()
	_, err = l.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, b.Step)
	l.Close()
	b, err = l.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, b.Step, "it goes on after Close")
	l.Close()
	require.Positive(t, l.Waited())
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, time.Minute, time.Millisecond, "goroutines are left behind") // one asks
}

// TestLoaderSharedData reads every image of the shared data sets once.
func TestLoaderSharedData(t *testing.T) {
	sets := map[string]struct {
		path []string
		opt  Options
	}{
		"bccd":        {[]string{"bccd"}, Options{Split: "train"}},
		"cards":       {[]string{"cards", "instances_train.json"}, Options{}},
		"coco-sample": {[]string{"coco-sample", "annotations", "instances_val2017.json"}, Options{Images: "val2017"}},
	}
	for name, s := range sets {
		t.Run(name, func(t *testing.T) {
			path := shared(t, append([]string{"data"}, s.path...)...)
			if s.opt.Images != "" {
				s.opt.Images = filepath.Join(filepath.Dir(path), "..", s.opt.Images)
			}
			d, err := Open(path, s.opt)
			require.NoError(t, err)
			l := newLoader(t, d, LoaderConfig{Batch: 4, Shorter: []int{360}, Longest: 480, Shuffle: true, Repeat: true})
			began, n := time.Now(), 0
			for _, b := range rest(t, l) {
				n += len(b.Samples)
			}
			t.Logf("%d images, %.0f a second, padded sizes %v", n, float64(n)/time.Since(began).Seconds(), l.Sizes())
		})
	}
}
