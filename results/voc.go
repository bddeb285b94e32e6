package results

import (
	"encoding/xml"
	"math"
	"path"
	"path/filepath"
)

// vocWriter writes Annotations/NAME.xml.
type vocWriter struct {
	put func(name string, data []byte) error
}

type vocAnnotation struct {
	XMLName   xml.Name    `xml:"annotation"`
	FileName  string      `xml:"filename"`
	Width     int         `xml:"size>width"`
	Height    int         `xml:"size>height"`
	Depth     int         `xml:"size>depth"`
	Segmented int         `xml:"segmented"`
	Objects   []vocObject `xml:"object"`
}

type vocObject struct {
	Name       string `xml:"name"`
	Pose       string `xml:"pose"`
	Truncated  int    `xml:"truncated"`
	Difficult  int    `xml:"difficult"`
	Confidence string `xml:"confidence"`
	XMin       int    `xml:"bndbox>xmin"` // one-based; all four pixels belong to the box
	YMin       int    `xml:"bndbox>ymin"`
	XMax       int    `xml:"bndbox>xmax"`
	YMax       int    `xml:"bndbox>ymax"`
}

func (w vocWriter) Add(m Image) error {
	if m.Out == "" {
		return nil
	}
	a := vocAnnotation{FileName: filepath.Base(m.File), Width: m.Width, Height: m.Height, Depth: 3}
	if m.Frame != nil {
		a.FileName = path.Base(numbered(m.Out, m.Frame)) + ".jpg"
	}
	for _, x := range m.Objects {
		o := vocObject{Name: x.Label, Pose: "Unspecified", Confidence: number(x.Score)}
		o.XMin, o.XMax = pixels(x.Box.X1, x.Box.X2, m.Width)
		o.YMin, o.YMax = pixels(x.Box.Y1, x.Box.Y2, m.Height)
		a.Objects = append(a.Objects, o)
	}
	text, err := xml.MarshalIndent(a, "", "\t")
	if err != nil {
		return err
	}
	return w.put(VOC.file(m.Out, m.Frame), append(text, '\n'))
}

func (vocWriter) Close() error { return nil }

// pixels returns the first and the last pixel of a side, from 1. It has at least one pixel, and all are within the image.
func pixels(from, to float32, size int) (first, last int) {
	first = min(int(math.Round(float64(from)))+1, size)
	return first, max(int(math.Round(float64(to))), first)
}
