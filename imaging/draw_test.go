package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalenet/geom"
)

var _ draw.Image = (*Image)(nil)

func TestDraw(t *testing.T) {
	m := Uniform(240, 240, [3]uint8{200, 200, 200})
	require.NoError(t, m.Draw(Annotation{Box: geom.Box{X1: 50, Y1: 60, X2: 150, Y2: 140}, Text: "RBC 0.91", Class: 3}))
	line, halo, ground := ClassColor(3), color.RGBA{50, 50, 50, 255}, color.RGBA{200, 200, 200, 255}
	for want, points := range map[color.RGBA][]image.Point{
		line:   {{50, 60}, {149, 60}, {50, 139}, {149, 139}, {51, 61}, {100, 60}, {50, 100}},
		halo:   {{49, 100}, {52, 100}, {147, 100}, {150, 100}, {100, 62}, {100, 137}, {100, 140}, {49, 140}},
		ground: {{48, 100}, {53, 100}, {100, 100}, {151, 100}, {100, 141}, {140, 50}, {140, 58}},
	} {
		for _, p := range points {
			assert.Equal(t, want, m.At(p.X, p.Y), "%v", p)
		}
	}
	text := 0 // pixels of the label that are neither its ground nor its border
	for y := 48; y < 59; y++ {
		for x := 52; x < 90; x++ {
			if c := m.At(x, y); c != line && c != ground {
				text++
			}
		}
	}
	assert.Greater(t, text, 30)
}

func TestDrawMarks(t *testing.T) {
	a := Annotation{Box: geom.Box{X1: 50, Y1: 60, X2: 150, Y2: 140}, Text: "RBC 0.91", Class: 1}
	draw := func(marks Marks, a Annotation) *Image {
		m := New(240, 240)
		require.NoError(t, m.DrawMarks(marks, a))
		return m
	}
	bare := a
	bare.Text = ""
	assert.Equal(t, New(240, 240), draw(None, a))
	assert.Equal(t, draw(Labels, bare), draw(Boxes, a))
	assert.NotEqual(t, draw(Labels, a), draw(Boxes, a))
	for _, name := range []string{"boxes", "labels", "none"} {
		got, err := ParseMarks(name)
		require.NoError(t, err)
		assert.EqualValues(t, name, got)
	}
	_, err := ParseMarks("box")
	assert.EqualError(t, err, `"box": want boxes, labels or none; did you mean boxes?`)
}

// Lines are thin in small boxes, and the inside of a box is not covered.
func TestDrawSmallBoxes(t *testing.T) {
	m := New(3000, 2400)
	require.NoError(t, m.Draw(Annotation{Box: geom.Box{X1: 1000, Y1: 1000, X2: 1012, Y2: 1012}, Class: 1}))
	assert.Equal(t, color.RGBA{A: 255}, m.At(1006, 1006))
	assert.Equal(t, ClassColor(1), m.At(1001, 1001))
}

// Labels lie within the image and do not cover each other.
func TestLabelPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.IntRange(1, 300)
		within := image.Rect(0, 0, side.Draw(t, "w"), side.Draw(t, "h"))
		height := rapid.IntRange(1, 40).Draw(t, "height")
		p := newPlaces(within, height)
		var taken []image.Rectangle
		for range rapid.IntRange(0, 60).Draw(t, "labels") {
			at := rapid.IntRange(-1, 301)
			box := image.Rect(at.Draw(t, "x1"), at.Draw(t, "y1"), at.Draw(t, "x2"), at.Draw(t, "y2"))
			width := rapid.IntRange(1, 100).Draw(t, "width")
			plate, ok := p.take(box, width)
			if !ok {
				continue
			}
			require.True(t, plate.In(within))
			require.Equal(t, image.Pt(width, height), plate.Size())
			for _, other := range taken {
				require.False(t, plate.Overlaps(other))
			}
			taken = append(taken, plate)
		}
	})
}

func TestDrawOddBoxes(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, size := range [][2]int{{1, 1}, {4000, 20}, {24, 16}} {
		m := New(size[0], size[1])
		for _, b := range []geom.Box{{}, {X1: 5, Y1: 5, X2: 5, Y2: 5}, {X1: 9, Y1: 9, X2: 2, Y2: 2}, {X1: -1e30, Y1: -1e30, X2: 1e30, Y2: 1e30}, {X1: 1e9, Y1: 1e9, X2: 2e9, Y2: 2e9}} {
			require.NoError(t, m.Draw(Annotation{Box: b, Text: "Platelets 1.00 – тромбоциты", Class: -7}))
		}
		before := bytes.Clone(m.Pix)
		require.NoError(t, m.Draw(Annotation{Box: geom.Box{X1: nan, X2: 3, Y2: 3}}, Annotation{Box: geom.Box{X2: inf, Y2: 3}}))
		assert.Equal(t, before, m.Pix)
	}
	m := New(50, 50)
	require.NoError(t, m.Draw(Annotation{Box: geom.Box{X1: 5, Y1: 5, X2: 5, Y2: 5}}))
	assert.Equal(t, ClassColor(0), m.At(5, 5), "a box of no area shows")
	m = New(2, 2)
	require.NoError(t, m.Draw(Annotation{Box: geom.Box{X2: 2, Y2: 2}, Text: "RBC", Class: 1}))
	assert.Equal(t, ClassColor(1), m.At(1, 1))
}

// The page has the same colours.
func TestClassColors(t *testing.T) {
	page, err := os.ReadFile("../web/assets/js/palette.js")
	require.NoError(t, err)
	seen := map[color.RGBA]int{}
	for class := 1; class <= 12; class++ {
		c := ClassColor(class)
		other, taken := seen[c]
		assert.False(t, taken, "%d and %d", class, other)
		seen[c] = class
	}
	hex := regexp.MustCompile(`"#([0-9a-f]{6})"`).FindAllSubmatch(page, -1)
	require.Len(t, hex, 13, "and the text's")
	for i, h := range hex[:12] {
		c := ClassColor(i + 1)
		assert.Equal(t, string(h[1]), fmt.Sprintf("%02x%02x%02x", c.R, c.G, c.B), "class %d", i+1)
	}
	assert.Equal(t, ClassColor(1), ClassColor(13))
	assert.Equal(t, ClassColor(12), ClassColor(0))
	assert.Equal(t, ClassColor(11), ClassColor(-1))
}

func BenchmarkDraw(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	m := New(4000, 3000)
	var list []Annotation
	for i := range 10_000 {
		x, y := random.Float32()*4000, random.Float32()*3000
		list = append(list, Annotation{geom.Box{X1: x, Y1: y, X2: x + 60, Y2: y + 60}, "RBC 0.97", i})
	}
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, m.Draw(list...))
	}
}
