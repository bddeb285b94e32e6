package coco

import (
	"encoding/json"
	"fmt"
	"image"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
	"scalenet/imaging"
)

// placed is a case of testdata/augment.py.
type placed struct {
	Source, Resized [2]int
	Degrees         float64
	Part            [4]int
	Flip            [2]bool
	Kind            imaging.ResizeKind
	Boxes, Moved    [][4]float64
	Pixels, RGB     []byte
}

func (g *placed) placing() placing {
	return placing{source: geom.Size{W: g.Source[0], H: g.Source[1]}, resized: geom.Size{W: g.Resized[0], H: g.Resized[1]}, degrees: g.Degrees,
		part: image.Rect(g.Part[0], g.Part[1], g.Part[2], g.Part[3]), flipX: g.Flip[0], flipY: g.Flip[1]}
}

// fromRGB is an image of bytes in the order of torchvision.
func fromRGB(w, h int, rgb []byte) *imaging.Image {
	m := imaging.New(w, h)
	for i := range m.Pix {
		m.Pix[i] = rgb[i-i%3+2-i%3]
	}
	return m
}

// TestPlacingEqualsTorchvision: boxes to 2e-5 pixels, pixels to a grey level for each step.
func TestPlacingEqualsTorchvision(t *testing.T) {
	text, err := os.ReadFile("testdata/augment.json")
	require.NoError(t, err)
	var golden []placed
	require.NoError(t, json.Unmarshal(text, &golden))
	require.Len(t, golden, 114)
	for i, g := range golden {
		name := fmt.Sprintf("case %d: %v to %v by %v, part %v, %s", i, g.Source, g.Resized, g.Degrees, g.Part, g.Kind)
		p := g.placing()
		for k, b := range g.Boxes {
			got, _ := p.box(b)
			want := g.Moved[k]
			require.InDeltaSlice(t, want[:], []float64{float64(got.X1), float64(got.Y1), float64(got.X2), float64(got.Y2)}, 2e-5, "%s: box %d", name, k)
		}
		got, err := p.pixels(fromRGB(g.Source[0], g.Source[1], g.Pixels), g.Kind, imaging.Unadjusted(), imaging.ImageNet().MeanColour())
		require.NoError(t, err)
		if p.flipX {
			got = got.FlipHorizontal()
		}
		if p.flipY {
			got = got.FlipVertical()
		}
		steps := 1
		if g.Kind == imaging.Pillow && g.Degrees != 0 && g.Resized[0] < g.Source[0] {
			steps = 2
		}
		want := fromRGB(p.part.Dx(), p.part.Dy(), g.RGB)
		require.Equal(t, [2]int{want.W, want.H}, [2]int{got.W, got.H}, name)
		for k := range want.Pix {
			require.InDelta(t, int(want.Pix[k]), int(got.Pix[k]), float64(steps), "%s: value %d", name, k)
		}
	}
}

// TestPlacingMeasuresWhatIsVisible in a table of cuts.
func TestPlacingMeasuresWhatIsVisible(t *testing.T) {
	for name, c := range map[string]struct {
		box     [4]float64
		part    image.Rectangle
		want    geom.Box
		visible float64
	}{
		"all":             {[4]float64{10, 10, 10, 10}, image.Rect(0, 0, 80, 60), geom.Box{X1: 20, Y1: 20, X2: 40, Y2: 40}, 1},
		"half":            {[4]float64{10, 10, 10, 10}, image.Rect(30, 0, 80, 60), geom.Box{X1: 0, Y1: 20, X2: 10, Y2: 40}, 0.5},
		"none":            {[4]float64{10, 10, 10, 10}, image.Rect(50, 50, 80, 60), geom.Box{}, 0},
		"over the border": {[4]float64{-10, 10, 20, 10}, image.Rect(0, 0, 80, 60), geom.Box{X1: 0, Y1: 20, X2: 20, Y2: 40}, 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			p := placing{source: geom.Size{W: 40, H: 30}, resized: geom.Size{W: 80, H: 60}, part: c.part}
			box, visible := p.box(c.box)
			require.InDelta(t, c.visible, visible, 1e-12)
			if visible > 0 {
				require.Equal(t, c.want, box)
			}
			require.LessOrEqual(t, box.X1, box.X2)
			require.LessOrEqual(t, box.Y1, box.Y2)
		})
	}
}
