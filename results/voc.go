package results

import (
	"math"
	"path"
	"path/filepath"
	"strconv"

	"scalenet/internal/voc"
)

// vocWriter writes Annotations/NAME.xml.
type vocWriter struct {
	put func(name string, data []byte) error
}

func (w vocWriter) Add(m Image) error {
	if m.Out == "" {
		return nil
	}
	a := voc.Annotation{FileName: filepath.Base(m.File), Width: m.Width, Height: m.Height, Depth: 3}
	if m.Frame != nil {
		a.FileName = path.Base(numbered(m.Out, m.Frame)) + ".jpg"
	}
	for _, x := range m.Objects {
		o := voc.Object{Name: x.Label, Pose: voc.Unspecified, Confidence: number(x.Score)}
		o.XMin, o.XMax = pixels(x.Box.X1, x.Box.X2, m.Width)
		o.YMin, o.YMax = pixels(x.Box.Y1, x.Box.Y2, m.Height)
		a.Objects = append(a.Objects, o)
	}
	text, err := a.Encode()
	if err != nil {
		return err
	}
	return w.put(VOC.file(m.Out, m.Frame), text)
}

func (vocWriter) Close() error { return nil }

// pixels returns the first and the last pixel of a side, from 1. It has at least one pixel, and all are within the image.
func pixels(from, to float32, size int) (string, string) {
	first := min(int(math.Round(float64(from)))+1, size)
	return strconv.Itoa(first), strconv.Itoa(max(int(math.Round(float64(to))), first))
}
