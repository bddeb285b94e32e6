package coco

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
	"scalenet/imaging"
)

// TestLoaderReducesJPEGs loads large photographs: they are kept at an eighth of their size, and boxes and pixels of a batch are those of the whole.
func TestLoaderReducesJPEGs(t *testing.T) {
	d := imageSet(t, geom.Size{W: 800, H: 600}, geom.Size{W: 800, H: 600})
	for i := range d.Images {
		m, err := imaging.Load(d.ImagePath(i), imaging.Limits{})
		require.NoError(t, err)
		d.Images[i].FileName = fmt.Sprintf("%d.jpg", i)
		require.NoError(t, m.Save(d.ImagePath(i)))
	}
	for name, c := range map[string]struct {
		cfg   LoaderConfig
		width int // of a decoded image
	}{
		"as it is":           {LoaderConfig{}, 200},
		"scale jitter":       {LoaderConfig{ScaleJitter: [2]float64{0.5, 2.2}}, 800},
		"several scales":     {LoaderConfig{Shorter: []int{60, 160}, Longest: 300}, 800},
		"mosaic":             {LoaderConfig{Mosaic: 1}, 200},
		"another kind":       {LoaderConfig{Resize: imaging.OpenCV}, 800},
		"larger than images": {LoaderConfig{Shorter: []int{700}, Longest: 1000}, 800},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Batch, c.cfg.CacheBytes = 2, 1<<30
			if c.cfg.Shorter == nil {
				c.cfg.Shorter, c.cfg.Longest = []int{70}, 100
			}
			l := newLoader(t, d, c.cfg)
			batch := rest(t, l)[0]
			for _, kept := range l.images.kept {
				require.Equal(t, c.width, kept.W)
			}
			// Red is inside the boxes and nowhere else, but for a pixel at their borders.
			for i, s := range batch.Samples {
				for y := range batch.H {
					for x := range s.Resized.W {
						inside, outside := false, true
						for _, b := range s.Boxes {
							px, py := float32(x), float32(y)
							inside = inside || px >= b.X1+1 && px+1 <= b.X2-1 && py >= b.Y1+1 && py+1 <= b.Y2-1
							outside = outside && (px+1 <= b.X1-2 || px >= b.X2+2 || py+1 <= b.Y1-2 || py >= b.Y2+2)
						}
						red := batch.Pixels[((i*batch.H+y)*batch.W+x)*3] > 0
						if y < s.Resized.H && (inside && !red || outside && red && c.cfg.Mosaic == 0) {
							t.Fatalf("image %d: red is %v at %d, %d; boxes %v", i, red, x, y, s.Boxes)
						}
					}
				}
			}
		})
	}
}
