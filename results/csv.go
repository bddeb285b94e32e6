package results

import (
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
)

// csvHeader are the columns. frame and time (in seconds) are empty for images, track_id is empty without a track.
var csvHeader = []string{"file", "width", "height", "frame", "time", "class_id", "label", "score", "x1", "y1", "x2", "y2", "track_id"}

// csvWriter writes the lines of an image in one call of Write.
type csvWriter struct {
	to    io.Writer
	begun bool
}

func (w *csvWriter) Add(m Image) error {
	var text bytes.Buffer
	lines := csv.NewWriter(&text)
	if !w.begun {
		lines.Write(csvHeader) // a bytes.Buffer does not fail
	}
	frame, time := "", ""
	if m.Frame != nil {
		if frame = strconv.Itoa(m.Frame.Index); m.Frame.Time >= 0 {
			time = decimal(seconds(m.Frame.Time), 64)
		}
	}
	for _, x := range m.Objects {
		track := ""
		if x.Track > 0 {
			track = strconv.Itoa(x.Track)
		}
		lines.Write([]string{m.File, strconv.Itoa(m.Width), strconv.Itoa(m.Height), frame, time, strconv.Itoa(int(x.Class)), x.Label,
			number(x.Score), number(x.Box.X1), number(x.Box.Y1), number(x.Box.X2), number(x.Box.Y2), track})
	}
	if lines.Flush(); text.Len() == 0 {
		return nil
	}
	_, err := w.to.Write(text.Bytes())
	w.begun = w.begun || err == nil
	return err
}

// Close writes the header if there was no image.
func (w *csvWriter) Close() error {
	if w.begun {
		return nil
	}
	return w.Add(Image{})
}

// number formats a value with the fewest digits that read back as the same float32.
func number(v float32) string { return decimal(float64(v), 32) }

func decimal(v float64, bits int) string { return strconv.FormatFloat(v, 'f', -1, bits) }
