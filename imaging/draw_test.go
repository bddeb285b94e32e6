package imaging

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

var _ draw.Image = (*Image)(nil)

func TestDraw(t *testing.T) {
	m := New(240, 240)
	require.NoError(t, m.Draw(Annotation{Box: geom.Box{X1: 50, Y1: 60, X2: 150, Y2: 140}, Text: "RBC 0.91", Class: 3}))
	want := ClassColor(3)
	for _, p := range []image.Point{{50, 60}, {149, 60}, {50, 139}, {149, 139}, {100, 60}, {50, 100}, {51, 59}} {
		assert.Equal(t, want, m.At(p.X, p.Y), "frame and label at %v", p)
	}
	for _, p := range []image.Point{{100, 100}, {150, 100}, {49, 100}, {100, 140}, {140, 50}} {
		assert.Equal(t, color.RGBA{A: 255}, m.At(p.X, p.Y), "untouched at %v", p)
	}
	text := 0 // pixels of the label that are neither background nor empty
	for y := 45; y < 60; y++ {
		for x := 50; x < 100; x++ {
			if c := m.At(x, y); c != want && c != (color.RGBA{A: 255}) {
				text++
			}
		}
	}
	assert.Greater(t, text, 30)
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
}

func TestClassColorsDiffer(t *testing.T) {
	seen := map[color.RGBA]int{}
	for class := range 20 {
		c := ClassColor(class)
		other, taken := seen[c]
		assert.False(t, taken, "%d and %d", class, other)
		seen[c] = class
	}
	assert.Equal(t, ClassColor(0), ClassColor(20))
	assert.Equal(t, ClassColor(19), ClassColor(-1))
}
