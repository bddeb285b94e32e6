package imaging

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"

	"scalenet/geom"
	"scalenet/internal/brief"
	"scalenet/internal/spelling"
)

// Annotation is a box to draw with its text, such as "WBC 0.97". Class, from 1, selects the colour.
type Annotation struct {
	Box   geom.Box
	Text  string
	Class int
}

// Marks is what of annotations is drawn.
type Marks string

// The kinds of Marks.
const (
	Labels Marks = "labels" // boxes and texts
	Boxes  Marks = "boxes"
	None   Marks = "none"
)

// ParseMarks returns the marks of a name.
func ParseMarks(name string) (Marks, error) {
	known := []string{string(Boxes), string(Labels), string(None)}
	if !slices.Contains(known, name) {
		same := func(s string) string { return s }
		return "", fmt.Errorf("%q: want %s%s", brief.Text(name), spelling.Alternatives(known), spelling.DidYouMean(name, known, same))
	}
	return Marks(name), nil
}

// DrawMarks is Draw with a choice of what is drawn.
func (m *Image) DrawMarks(marks Marks, annotations ...Annotation) error {
	switch marks {
	case None:
		return nil
	case Boxes:
		annotations = slices.Clone(annotations)
		for i := range annotations {
			annotations[i].Text = ""
		}
	}
	return m.Draw(annotations...)
}

// Draw draws boxes and their labels on the image, the last on top. The sizes of lines and text grow with the image, more slowly than it. Boxes may
// extend beyond the image. Boxes with a NaN or infinite coordinate are skipped.
//
// Lines have the colour of the class between two dark ones, so that they show on any ground. Labels lie within the image, above, in or below their box, and do
// not cover each other. A label without room is left out, the last annotations' last.
func (m *Image) Draw(annotations ...Annotation) error {
	side := float64(min(m.W, m.H))
	return m.DrawSized(max(1, int(math.Round(1+side/480))), 9+side/120, annotations...)
}

// DrawSized is Draw with a line width and a text size in pixels.
func (m *Image) DrawSized(line int, letters float64, annotations ...Annotation) error {
	var drawn []Annotation
	var boxes []image.Rectangle
	for _, a := range annotations {
		if a.Box.Finite() {
			drawn = append(drawn, a)
			boxes = append(boxes, image.Rect(m.column(a.Box.X1), m.row(a.Box.Y1), m.column(a.Box.X2), m.row(a.Box.Y2)))
		}
	}
	for i, a := range drawn {
		m.frame(boxes[i], line, ClassColor(a.Class))
	}
	return m.labels(drawn, boxes, line, letters) // after all boxes, so that no line crosses a label
}

// column and row round a coordinate, and clip it to one pixel beyond the image so that it fits an int.
func (m *Image) column(x float32) int { return within(x, m.W) }
func (m *Image) row(y float32) int    { return within(y, m.H) }

func within(v float32, size int) int {
	return int(math.Round(min(max(float64(v), -1), float64(size+1))))
}

// frame draws the lines of a box: inwards, so that they show at the border of the image, with a halo on both sides. Lines of small boxes are thin.
func (m *Image) frame(r image.Rectangle, line int, c color.RGBA) {
	line = max(1, min(line, min(r.Dx(), r.Dy())/6))
	r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+line), max(r.Max.Y, r.Min.Y+line) // a zero-area box is still visible
	halo := haloWidth(line)
	m.ring(r.Inset(-halo), halo, m.darken)
	m.ring(r, line, func(part image.Rectangle) { m.fill(part, c) })
	if inside := r.Inset(line); min(inside.Dx(), inside.Dy()) > 4*halo {
		m.ring(inside, halo, m.darken)
	}
}

func haloWidth(line int) int { return max(1, line/2) }

// ring calls paint for the four sides of a frame of the given thickness, which do not overlap.
func (m *Image) ring(r image.Rectangle, thick int, paint func(image.Rectangle)) {
	if 2*thick >= r.Dx() || 2*thick >= r.Dy() {
		paint(r)
		return
	}
	paint(image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+thick))
	paint(image.Rect(r.Min.X, r.Max.Y-thick, r.Max.X, r.Max.Y))
	paint(image.Rect(r.Min.X, r.Min.Y+thick, r.Min.X+thick, r.Max.Y-thick))
	paint(image.Rect(r.Max.X-thick, r.Min.Y+thick, r.Max.X, r.Max.Y-thick))
}

// fill paints a rectangle.
func (m *Image) fill(r image.Rectangle, c color.RGBA) {
	r = r.Intersect(m.Bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := m.Pix[(y*m.W+r.Min.X)*3 : (y*m.W+r.Max.X)*3]
		for x := 0; x < len(row); x += 3 {
			row[x], row[x+1], row[x+2] = c.B, c.G, c.R
		}
	}
}

// darken paints a rectangle black with an opacity of 3/4.
func (m *Image) darken(r image.Rectangle) {
	r = r.Intersect(m.Bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := m.Pix[(y*m.W+r.Min.X)*3 : (y*m.W+r.Max.X)*3]
		for x, v := range row {
			row[x] = v / 4
		}
	}
}
