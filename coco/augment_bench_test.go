package coco

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
	"scalenet/imaging"
)

// BenchmarkAugmentation is a picture of 640x480 pixels for an input of 384/640, decoded once.
func BenchmarkAugmentation(b *testing.B) {
	for _, c := range []struct {
		name   string
		change func(*LoaderConfig)
	}{
		{"none", func(*LoaderConfig) {}},
		{"flip, brightness", func(c *LoaderConfig) { c.FlipHorizontal, c.Brightness = true, 0.2 }},
		{"contrast", func(c *LoaderConfig) { c.Contrast = 0.3 }},
		{"saturation", func(c *LoaderConfig) { c.Saturation = 0.3 }},
		{"hue", func(c *LoaderConfig) { c.Hue = 0.1 }},
		{"scale jitter", func(c *LoaderConfig) { c.ScaleJitter = [2]float64{0.5, 1.5} }},
		{"rotation", func(c *LoaderConfig) { c.Rotation = 10 }},
		{"mosaic", func(c *LoaderConfig) { c.Mosaic = 1 }},
		{"everything", func(c *LoaderConfig) {
			*c = everything()
			c.Batch, c.Shorter, c.Longest, c.Mosaic, c.MosaicEpochs = 4, []int{384}, 640, 0.5, 0
		}},
		{"everything, not cached", func(c *LoaderConfig) {
			*c = everything()
			c.Batch, c.Shorter, c.Longest, c.Mosaic, c.MosaicEpochs, c.CacheBytes = 4, []int{384}, 640, 0.5, 0, -1
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := jpegs(b, geom.Size{W: 640, H: 480}, 8)
			cfg := LoaderConfig{Batch: 4, Shorter: []int{384}, Longest: 640}
			if c.change(&cfg); cfg.CacheBytes < 0 {
				cfg.CacheBytes = 0
			} else {
				cfg.CacheBytes = 1 << 30
			}
			l := newLoader(b, d, cfg)
			plans := l.planEpoch(0)
			pictures, step := 0, 0
			for i := range d.Images {
				_, err := l.images.load(i)
				require.NoError(b, err)
			}
			for b.Loop() {
				batch, err := l.build(0, step, &plans[step%len(plans)])
				require.NoError(b, err)
				pictures += len(batch.Samples)
				step++
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(pictures), "ms/picture")
		})
	}
}

// jpegs is a data set of JPEG files with smooth and sharp parts.
func jpegs(t testing.TB, size geom.Size, n int) *Dataset {
	d := imageSet(t, repeated(size, n)...)
	for i := range d.Images {
		m := imaging.New(size.W, size.H)
		for k := range m.Pix {
			x, y := k/3%size.W, k/3/size.W
			m.Pix[k] = uint8(x/4 + y/3 + 60*(k%3) + (x*y/64%17)*3)
		}
		d.Images[i].FileName = fmt.Sprintf("%d.jpg", i)
		require.NoError(t, m.Save(d.ImagePath(i)))
	}
	return d
}
