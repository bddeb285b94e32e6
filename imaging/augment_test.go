package imaging

import (
	"fmt"
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// augmented is a case of testdata/augment.py.
type augmented struct {
	Image, What string
	Size        [2]int
	Value       float64
	Kind        ResizeKind
	Resized     [2]int
	Part        [4]int
	RGB         []byte
}

var meanColour = ImageNet().MeanColour()

// TestAugmentEqualsTorchvision: every change of pixels is torchvision's to within one grey level.
func TestAugmentEqualsTorchvision(t *testing.T) {
	var golden []augmented
	readJSON(t, "augment.json", &golden)
	sources, counts := map[string]*Image{}, map[string]int{}
	for _, g := range golden {
		counts[g.What]++
		if g.What == "source" {
			m := New(g.Size[0], g.Size[1])
			copy(m.Pix, g.RGB)
			sources[g.Image] = &Image{W: m.W, H: m.H, Pix: rgb(m)}
			continue
		}
		m := sources[g.Image]
		before := m.Clone()
		name := fmt.Sprintf("%s %s %v %s %v %v", g.Image, g.What, g.Value, g.Kind, g.Resized, g.Part)
		got, err := g.apply(m)
		require.NoError(t, err, name)
		require.Equal(t, g.Size, [2]int{got.W, got.H}, name)
		require.LessOrEqual(t, furthest(rgb(got), g.RGB), 1, name)
		require.Equal(t, before, m, "%s: the source is not changed", name)
	}
	require.Equal(t, map[string]int{"source": 3, "brightness": 12, "contrast": 12, "saturation": 12, "hue": 18, "rotate": 42, "resize": 126}, counts)
}

func (g *augmented) apply(m *Image) (*Image, error) {
	switch g.What {
	case "brightness":
		return m.Brightness(g.Value), nil
	case "contrast":
		return m.Contrast(g.Value), nil
	case "saturation":
		return m.Saturation(g.Value), nil
	case "hue":
		return m.Hue(g.Value), nil
	case "rotate":
		w, h := g.Resized[0], g.Resized[1]
		if w == 0 {
			w, h = m.W, m.H
		}
		return m.Rotated(g.Kind, Rotation{w, h, g.Value, image.Rect(0, 0, w, h), meanColour}, Unadjusted())
	case "resize":
		return m.ResizePart(g.Kind, g.Resized[0], g.Resized[1], image.Rect(g.Part[0], g.Part[1], g.Part[2], g.Part[3]))
	}
	return nil, fmt.Errorf("unknown case %q", g.What)
}

// anyImage is a small image of noise.
func anyImage(t *rapid.T) *Image {
	m := New(rapid.IntRange(1, 9).Draw(t, "w"), rapid.IntRange(1, 9).Draw(t, "h"))
	copy(m.Pix, rapid.SliceOfN(rapid.Uint8(), len(m.Pix), len(m.Pix)).Draw(t, "pix"))
	return m
}

// anyPart is a part, not empty, of w x h pixels.
func anyPart(t *rapid.T, w, h int) image.Rectangle {
	x, y := rapid.IntRange(0, w-1).Draw(t, "x"), rapid.IntRange(0, h-1).Draw(t, "y")
	return image.Rect(x, y, rapid.IntRange(x+1, w).Draw(t, "x2"), rapid.IntRange(y+1, h).Draw(t, "y2"))
}

// TestParts: a part has the pixels that it has in the whole.
func TestParts(t *testing.T) {
	crop := func(m *Image, part image.Rectangle) *Image {
		return m.Crop(part.Min.X, part.Min.Y, part.Dx(), part.Dy())
	}
	rapid.Check(t, func(t *rapid.T) {
		m := anyImage(t)
		w, h := rapid.IntRange(1, 20).Draw(t, "to w"), rapid.IntRange(1, 20).Draw(t, "to h")
		part := anyPart(t, w, h)
		for _, kind := range []ResizeKind{"", Bilinear, Pillow, OpenCV} {
			whole, err := m.ResizePart(kind, w, h, image.Rect(0, 0, w, h))
			require.NoError(t, err)
			got, err := m.ResizePart(kind, w, h, part)
			require.NoError(t, err)
			require.Equal(t, crop(whole, part), got, kind)
			if kind == Pillow || kind == OpenCV {
				want, err := Resize(kind, m, w, h)
				require.NoError(t, err)
				require.LessOrEqual(t, furthest(want.Pix, whole.Pix), map[ResizeKind]int{Pillow: 0, OpenCV: 1}[kind], kind)
			}
		}
		for _, kind := range []ResizeKind{Bilinear, Pillow, OpenCV} {
			r := Rotation{w, h, rapid.Float64Range(-180, 180).Draw(t, "degrees"), image.Rect(0, 0, w, h), meanColour}
			whole, err := m.Rotated(kind, r, Unadjusted())
			require.NoError(t, err)
			r.Part = part
			got, err := m.Rotated(kind, r, Unadjusted())
			require.NoError(t, err)
			require.Equal(t, crop(whole, part), got)
		}
	})
}

// TestRotatedColours: the fill colour stays what it is, and the rest is changed as without a rotation.
func TestRotatedColours(t *testing.T) {
	m := Uniform(40, 40, [3]uint8{40, 80, 200})
	r := Rotation{60, 60, 45, image.Rect(0, 0, 60, 60), meanColour}
	darker := Adjustment{Brightness: 0.5, Contrast: 1, Saturation: 1}
	got, err := m.Rotated(Bilinear, r, darker)
	require.NoError(t, err)
	require.Equal(t, meanColour[:], got.Pix[:3])
	require.Equal(t, []uint8{20, 40, 100}, got.Pix[3*(30*60+30):][:3])
	plain, err := m.Rotated(Bilinear, r, Unadjusted())
	require.NoError(t, err)
	want, filled := plain.Brightness(0.5), 0
	for i := 0; i < len(want.Pix); i += 3 {
		if [3]uint8(plain.Pix[i:i+3]) == meanColour {
			filled++
		} else {
			require.Equal(t, want.Pix[i:i+3], got.Pix[i:i+3])
		}
	}
	require.InDelta(t, 4*math.Pow(30*math.Sqrt2-30, 2), filled, 100, "four corners")
}

// TestAdjusted: all changes at once are one after the other, and neutral values change nothing.
func TestAdjusted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyImage(t)
		factor := func(name string) float64 { return rapid.Float64Range(0, 2).Draw(t, name) }
		a := Adjustment{factor("brightness"), factor("contrast"), factor("saturation"), rapid.Float64Range(-0.5, 0.5).Draw(t, "hue")}
		require.Equal(t, m.Brightness(a.Brightness).Contrast(a.Contrast).Saturation(a.Saturation).Hue(a.Hue), m.Adjusted(a))
		require.Equal(t, m, m.Adjusted(Unadjusted()))
		require.LessOrEqual(t, furthest(m.Pix, m.Hue(0.3).Hue(0.7).Pix), 4, "a full circle")
	})
	for name, change := range map[string]func(m *Image){
		"contrast":   func(m *Image) { m.Contrast(-1) },
		"saturation": func(m *Image) { m.Saturation(math.NaN()) },
		"hue":        func(m *Image) { m.Hue(math.Inf(-1)) },
	} {
		require.Panics(t, func() { change(New(1, 1)) }, name)
	}
}

func TestPartsOutside(t *testing.T) {
	m := New(4, 3)
	for _, part := range []image.Rectangle{{}, image.Rect(0, 0, 5, 3), image.Rect(-1, 0, 2, 2), image.Rect(2, 2, 2, 3)} {
		for _, kind := range []ResizeKind{Bilinear, Pillow, OpenCV} {
			_, err := m.ResizePart(kind, 4, 3, part)
			require.ErrorContains(t, err, "must be within them and not empty", "%v %v", kind, part)
		}
		_, err := m.Rotated(Bilinear, Rotation{4, 3, 10, part, meanColour}, Unadjusted())
		require.ErrorContains(t, err, "must be within them and not empty", part)
	}
	for _, kind := range []ResizeKind{Bilinear, Pillow, OpenCV} {
		_, err := m.ResizePart(kind, 0, 3, m.Bounds())
		require.Error(t, err)
	}
	_, err := m.ResizePart("cubic", 4, 3, m.Bounds())
	require.ErrorContains(t, err, `resize "cubic"`)
	_, err = m.Rotated("cubic", Rotation{W: 4, H: 3}, Unadjusted())
	require.ErrorContains(t, err, `resize "cubic"`)
	require.Equal(t, []uint8{1, 2, 3, 1, 2, 3}, Uniform(2, 1, [3]uint8{1, 2, 3}).Pix)
	require.Equal(t, [3]uint8{104, 116, 124}, meanColour)
}

// BenchmarkAugment is each change of an image of 640x480 pixels, in a detector's input of 512x384.
func BenchmarkAugment(b *testing.B) {
	m := New(640, 480)
	for i := range m.Pix {
		m.Pix[i] = uint8(i/3%640/4 + i/1920/3 + 40*(i%3))
	}
	all := Adjustment{Brightness: 1.1, Contrast: 0.9, Saturation: 1.2, Hue: 0.05}
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"brightness", func() { m.Brightness(1.1) }},
		{"contrast", func() { m.Contrast(0.9) }},
		{"saturation", func() { m.Saturation(1.2) }},
		{"hue", func() { m.Hue(0.05) }},
		{"all colours", func() { m.Adjusted(all) }},
		{"rotation", func() {
			_, _ = m.Rotated(Bilinear, Rotation{512, 384, 5, image.Rect(0, 0, 512, 384), meanColour}, Unadjusted())
		}},
		{"resize", func() { _, _ = m.ResizePart(Bilinear, 512, 384, image.Rect(0, 0, 512, 384)) }},
		{"resize and crop", func() { _, _ = m.ResizePart(Bilinear, 768, 576, image.Rect(100, 100, 612, 484)) }},
		{"resize as pillow", func() { _, _ = m.ResizePart(Pillow, 512, 384, image.Rect(0, 0, 512, 384)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.change()
			}
		})
	}
}
