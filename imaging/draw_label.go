package imaging

import (
	"image"
	"slices"

	"golang.org/x/image/font"
)

// labels draws the texts of boxes, each on a plate of its class's colour. The last has the first choice of a place.
func (m *Image) labels(annotations []Annotation, boxes []image.Rectangle, line int, letters float64) error {
	face, err := labelFace(letters)
	if err != nil {
		return err
	}
	defer face.Close()
	metrics := face.Metrics()
	ascent, descent := metrics.Ascent.Ceil(), metrics.Descent.Ceil()
	margin, border := max(1, descent/2), max(1, line/3)
	height := ascent + descent + 2*border
	if 5*height > m.H {
		return nil // text would hide the image
	}
	places := newPlaces(m.Bounds(), height)
	for i, a := range slices.Backward(annotations) {
		if a.Text == "" {
			continue
		}
		text := shortened(a.Text, face, m.W-2*(margin+border))
		plate, ok := places.take(boxes[i], font.MeasureString(face, text).Ceil()+2*(margin+border))
		if !ok {
			continue
		}
		m.fill(plate, labelInk())
		m.fill(plate.Inset(border), ClassColor(a.Class))
		m.text(plate.Min.X+border+margin, plate.Min.Y+border+ascent, text, face, labelInk())
	}
	return nil
}

// shortened returns text, or its beginning with dots if it is wider than width pixels.
func shortened(text string, face font.Face, width int) string {
	if font.MeasureString(face, text).Ceil() <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && font.MeasureString(face, string(runes)+"…").Ceil() > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// places are the plates of an image, all of one height.
type places struct {
	within image.Rectangle
	height int
	rows   [][]image.Rectangle // the plates that touch each strip of the image that is as high as a plate
}

func newPlaces(within image.Rectangle, height int) *places {
	return &places{within, height, make([][]image.Rectangle, within.Dy()/height+1)}
}

// take returns a free place for a plate of a box: above it, inside at its top, below it, or inside at its bottom, from its left or to its right edge.
// The page's labels have the same places (web/assets/js/labels.js).
func (p *places) take(box image.Rectangle, width int) (plate image.Rectangle, ok bool) {
	if width > p.within.Dx() {
		return plate, false
	}
	left, right := box.Min.X, box.Max.X-width
	above, below := box.Min.Y-p.height, box.Max.Y
	inside, bottom := p.clamp(box.Min.Y), p.clamp(box.Max.Y-p.height)
	for _, at := range [...]image.Point{
		{left, above}, {right, above}, {left, inside}, {left, below}, {right, inside}, {right, below}, {left, bottom}, {right, bottom},
	} {
		x := max(p.within.Min.X, min(at.X, p.within.Max.X-width))
		plate = image.Rect(x, at.Y, x+width, at.Y+p.height)
		if plate.In(p.within) && p.free(plate) {
			p.add(plate)
			return plate, true
		}
	}
	return plate, false
}

func (p *places) clamp(y int) int { return max(p.within.Min.Y, min(y, p.within.Max.Y-p.height)) }

func (p *places) touched(plate image.Rectangle) [][]image.Rectangle {
	return p.rows[plate.Min.Y/p.height : (plate.Max.Y-1)/p.height+1]
}

func (p *places) free(plate image.Rectangle) bool {
	for _, row := range p.touched(plate) {
		if slices.ContainsFunc(row, plate.Overlaps) {
			return false
		}
	}
	return true
}

func (p *places) add(plate image.Rectangle) {
	rows := p.touched(plate)
	for i := range rows {
		rows[i] = append(rows[i], plate)
	}
}
