package imaging

import (
	"fmt"
	"image"
	"image/color"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Write writes a line of text with its upper left corner at x, y. letters is the text size in pixels. Text wider than width
// pixels is cut off and ends with dots. It returns the width of the written text in pixels.
func (m *Image) Write(x, y int, text string, letters float64, width int, c color.Color) (int, error) {
	face, err := labelFace(letters)
	if err != nil {
		return 0, err
	}
	defer face.Close()
	end := m.text(x, y+face.Metrics().Ascent.Ceil(), shortened(text, face, width), face, color.RGBAModel.Convert(c).(color.RGBA))
	return end.Ceil() - x, nil
}

// text writes a line of text from x on, on the baseline y, and returns where it ends. font.Drawer would call Set for each pixel.
func (m *Image) text(x, y int, text string, face font.Face, c color.RGBA) fixed.Int26_6 {
	dot := fixed.P(x, y)
	before := rune(-1)
	for _, r := range text {
		if before >= 0 {
			dot.X += face.Kern(before, r)
		}
		to, mask, from, advance, _ := face.Glyph(dot, r)
		if alpha, ok := mask.(*image.Alpha); ok { // of package opentype
			m.blend(to, alpha, from, c)
		}
		dot.X += advance
		before = r
	}
	return dot.X
}

// blend paints a part of a mask, whose upper left corner is from, to a rectangle of the image.
func (m *Image) blend(to image.Rectangle, mask *image.Alpha, from image.Point, c color.RGBA) {
	part := to.Intersect(m.Bounds())
	for y := part.Min.Y; y < part.Max.Y; y++ {
		at := mask.PixOffset(from.X+part.Min.X-to.Min.X, from.Y+y-to.Min.Y)
		row := m.Pix[(y*m.W+part.Min.X)*3 : (y*m.W+part.Max.X)*3]
		for i, a := range mask.Pix[at : at+part.Dx()] {
			for k, v := range [3]uint8{c.B, c.G, c.R} {
				p := &row[3*i+k]
				*p = uint8((int(*p)*(255-int(a)) + int(v)*int(a) + 127) / 255)
			}
		}
	}
}

// Fill fills a rectangle, x2 and y2 excluded, with a colour.
func (m *Image) Fill(x1, y1, x2, y2 int, c color.RGBA) { m.fill(image.Rect(x1, y1, x2, y2), c) }

// Paste copies an image into this one, with its upper left corner at x, y. Parts outside of this image are cut off.
func (m *Image) Paste(x, y int, from *Image) {
	part := image.Rect(x, y, x+from.W, y+from.H).Intersect(m.Bounds())
	for row := part.Min.Y; row < part.Max.Y; row++ {
		start := ((row-y)*from.W + part.Min.X - x) * 3
		copy(m.Pix[(row*m.W+part.Min.X)*3:], from.Pix[start:start+part.Dx()*3])
	}
}

// labelFont parses the font of labels, Go Medium (Latin, Greek, Cyrillic), when first needed. It is read-only.
var labelFont = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gomedium.TTF) })

// labelFace returns the font at a size in pixels. A face has a cache and serves one goroutine.
func labelFace(pixels float64) (font.Face, error) {
	f, err := labelFont()
	if err != nil {
		return nil, fmt.Errorf("font of labels: %w", err)
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: pixels, DPI: 72, Hinting: font.HintingFull})
}

// Bounds, ColorModel, At and Set make an image a draw.Image of the standard library.
func (m *Image) Bounds() image.Rectangle { return image.Rect(0, 0, m.W, m.H) }

func (m *Image) ColorModel() color.Model { return color.RGBAModel }

func (m *Image) At(x, y int) color.Color {
	if !image.Pt(x, y).In(m.Bounds()) {
		return color.RGBA{}
	}
	p := m.Pix[(y*m.W+x)*3:]
	return color.RGBA{p[2], p[1], p[0], 255}
}

// Set drops alpha: the colour is stored as it is when blended with black.
func (m *Image) Set(x, y int, c color.Color) {
	if !image.Pt(x, y).In(m.Bounds()) {
		return
	}
	v := color.RGBAModel.Convert(c).(color.RGBA)
	p := m.Pix[(y*m.W+x)*3:]
	p[0], p[1], p[2] = v.B, v.G, v.R
}
