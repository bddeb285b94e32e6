package imaging

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"scalenet/geom"
)

// Annotation is a box to draw with its text, such as "WBC 0.97". Class selects the colour, modulo the length of the palette.
type Annotation struct {
	Box   geom.Box
	Text  string
	Class int
}

// ClassColor returns the colour of the boxes of a class: the ten colours of Tableau's palette, then the same ten darkened.
func ClassColor(class int) color.RGBA {
	palette := [...]uint32{
		0xe15759, 0x4e79a7, 0xf28e2b, 0x59a14f, 0xb07aa1, 0x76b7b2, 0xedc948, 0xff9da7, 0x9c755f, 0x17becf,
		0x9a2b2d, 0x274869, 0xa35a10, 0x2f6327, 0x6f4463, 0x3c7672, 0x9c8114, 0xb3525d, 0x5c4335, 0x0b7480,
	}
	n := len(palette)
	v := palette[((class%n)+n)%n]
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
}

// Draw draws boxes and their labels on the image, the last on top. The sizes of lines and text scale with the image. Boxes may
// extend beyond the image. Boxes with a NaN or infinite coordinate are skipped.
func (m *Image) Draw(annotations ...Annotation) error {
	side := float64(min(m.W, m.H))
	return m.DrawSized(max(1, int(math.Round(side/240))), max(9, side/36), annotations...)
}

// DrawSized is Draw with a line width and a text size in pixels.
func (m *Image) DrawSized(line int, letters float64, annotations ...Annotation) error {
	face, err := labelFace(letters)
	if err != nil {
		return err
	}
	defer face.Close()
	// Labels after all boxes, so that no line crosses a label.
	for _, part := range []func(a Annotation, box image.Rectangle, c color.RGBA){
		func(_ Annotation, box image.Rectangle, c color.RGBA) { m.outline(box, line, c) },
		func(a Annotation, box image.Rectangle, c color.RGBA) {
			if a.Text != "" {
				m.label(box, a.Text, face, c)
			}
		},
	} {
		for _, a := range annotations {
			if a.Box.Finite() {
				part(a, image.Rect(m.column(a.Box.X1), m.row(a.Box.Y1), m.column(a.Box.X2), m.row(a.Box.Y2)), ClassColor(a.Class))
			}
		}
	}
	return nil
}

// column and row round a coordinate, and clip it to one pixel beyond the image so that it fits an int.
func (m *Image) column(x float32) int { return within(x, m.W) }
func (m *Image) row(y float32) int    { return within(y, m.H) }

func within(v float32, size int) int {
	return int(math.Round(min(max(float64(v), -1), float64(size+1))))
}

// outline draws a frame of the given thickness, inwards.
func (m *Image) outline(r image.Rectangle, thick int, c color.RGBA) {
	thickX, thickY := min(thick, max(1, r.Dx())), min(thick, max(1, r.Dy()))
	r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+thickX), max(r.Max.Y, r.Min.Y+thickY) // a zero-area box is still visible
	m.fill(image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+thickY), c)
	m.fill(image.Rect(r.Min.X, r.Max.Y-thickY, r.Max.X, r.Max.Y), c)
	m.fill(image.Rect(r.Min.X, r.Min.Y, r.Min.X+thickX, r.Max.Y), c)
	m.fill(image.Rect(r.Max.X-thickX, r.Min.Y, r.Max.X, r.Max.Y), c)
}

func (m *Image) fill(r image.Rectangle, c color.RGBA) {
	r = r.Intersect(m.Bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.Set(x, y, c)
		}
	}
}

// label writes text on a filled background above the box, or inside the box if there is no room above.
func (m *Image) label(box image.Rectangle, text string, face font.Face, c color.RGBA) {
	metrics := face.Metrics()
	ascent, descent := metrics.Ascent.Ceil(), metrics.Descent.Ceil()
	margin := max(1, descent/2)
	w, h := font.MeasureString(face, text).Ceil()+2*margin, ascent+descent

	x := max(0, min(box.Min.X, m.W-w))
	y := box.Min.Y - h
	if y < 0 {
		y = max(0, min(box.Min.Y, m.H-h))
	}
	m.fill(image.Rect(x, y, x+w, y+h), c)
	writer := font.Drawer{Dst: m, Src: image.NewUniform(textColor(c)), Face: face, Dot: fixed.P(x+margin, y+ascent)}
	writer.DrawString(text)
}

// Write writes a line of text with its upper left corner at x, y. letters is the text size in pixels. Text wider than width
// pixels is cut off and ends with dots. It returns the width of the written text in pixels.
func (m *Image) Write(x, y int, text string, letters float64, width int, c color.Color) (int, error) {
	face, err := labelFace(letters)
	if err != nil {
		return 0, err
	}
	defer face.Close()
	if runes := []rune(text); font.MeasureString(face, text).Ceil() > width {
		for len(runes) > 0 && font.MeasureString(face, string(runes)+"…").Ceil() > width {
			runes = runes[:len(runes)-1]
		}
		text = string(runes) + "…"
	}
	writer := font.Drawer{Dst: m, Src: image.NewUniform(c), Face: face, Dot: fixed.P(x, y+face.Metrics().Ascent.Ceil())}
	writer.DrawString(text)
	return writer.Dot.X.Ceil() - x, nil
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

// textColor is black or white, whichever is easier to read on c (Rec. 601 luma).
func textColor(c color.RGBA) color.Color {
	if 299*int(c.R)+587*int(c.G)+114*int(c.B) > 140_000 {
		return color.Black
	}
	return color.White
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
