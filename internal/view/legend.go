package view

import (
	"slices"

	"scalenet/coco"
	"scalenet/imaging"
)

// classLegend draws class names, each after a square of its colour.
type classLegend struct {
	names []string
	class []int
}

// legend names the classes on some images.
func (s *Sheets) legend(images []int) classLegend {
	var seen []int
	for _, i := range images {
		for _, at := range s.objects(i) {
			seen = append(seen, s.data.Annotations[at].Class)
		}
	}
	return legendOf(s.data, seen)
}

// legendOf names classes, each once.
func legendOf(d *coco.Dataset, classes []int) (l classLegend) {
	seen := make([]bool, len(d.Categories)+1)
	for _, class := range classes {
		seen[class] = true
	}
	for class := range seen {
		if seen[class] {
			l.names, l.class = append(l.names, name(d.Categories[class-1])), append(l.class, class)
		}
	}
	return l
}

const (
	square    = 14
	legendGap = 18
)

// entry is the maximum width of a text. Letters are about half as wide as high.
func (l *classLegend) entry(i int) int { return min(len(l.names[i]), 24)*letters*6/10 + 8 }

// breaks returns the indices of the entries that begin a line of the given width.
func (l *classLegend) breaks(width int) (starts []int) {
	x := 0
	for i := range l.names {
		w := square + 5 + l.entry(i) + legendGap
		if i == 0 || x+w > width {
			starts, x = append(starts, i), 0
		}
		x += w
	}
	return starts
}

// lines returns the number of lines of a legend of the given width.
func (l *classLegend) lines(width int) int { return len(l.breaks(width)) }

func (l *classLegend) draw(m *imaging.Image, left, top, width int) error {
	starts := l.breaks(width)
	x, y := left, top-legend
	for i := range l.names {
		if slices.Contains(starts, i) {
			x, y = left, y+legend
		}
		m.Fill(x, y+4, x+square, y+4+square, imaging.ClassColor(l.class[i]))
		if _, err := m.Write(x+square+5, y+2, l.names[i], letters, l.entry(i), black); err != nil {
			return err
		}
		x += square + 5 + l.entry(i) + legendGap
	}
	return nil
}
