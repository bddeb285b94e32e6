package results

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"scalenet/geom"
	"scalenet/internal/brief"
	"scalenet/track"
)

type textWriter struct{ to io.Writer }

func (w textWriter) Add(m Image) error {
	text := []byte(brief.Line(m.File))
	if f := m.Frame; f != nil {
		text = fmt.Appendf(text, " frame %d", f.Index)
		if f.Time >= 0 {
			text = fmt.Appendf(text, ", %.3f s", f.Time.Seconds())
		}
	}
	text = fmt.Appendf(text, ": %s\n", brief.Count(len(m.Objects), "object"))
	for _, x := range m.Objects {
		text = fmt.Appendf(text, "  %-12s %.3f  %7.1f %7.1f %7.1f %7.1f", brief.Line(x.Label), x.Score, x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2)
		if x.Track > 0 {
			text = fmt.Appendf(text, "  #%d", x.Track)
		}
		text = append(text, '\n')
	}
	if m.Frame != nil && len(m.Frame.Counts) > 0 {
		text = fmt.Appendf(text, "  %v\n", m.Frame.Counts)
	}
	_, err := w.to.Write(text)
	return err
}

func (textWriter) Close() error { return nil }

// jsonWriter writes one JSON object per line, each in one call of Write.
type jsonWriter struct{ to *json.Encoder }

type jsonImage struct {
	File    string       `json:"file"`
	Frame   *int         `json:"frame,omitempty"`
	Time    *float64     `json:"time,omitempty"` // in seconds
	Width   int          `json:"width"`
	Height  int          `json:"height"`
	Objects []jsonObject `json:"detections"`
	Counts  track.Counts `json:"counts,omitempty"`
}

type jsonObject struct {
	Class int32      `json:"class_id"`
	Label string     `json:"label"`
	Score float32    `json:"score"`
	Box   [4]float32 `json:"box"` // x1, y1, x2, y2
	Track int        `json:"track_id,omitempty"`
}

func (w jsonWriter) Add(m Image) error {
	line := jsonImage{File: m.File, Width: m.Width, Height: m.Height, Objects: make([]jsonObject, len(m.Objects))}
	if f := m.Frame; f != nil {
		line.Frame, line.Counts = &f.Index, f.Counts
		if t := seconds(f.Time); f.Time >= 0 {
			line.Time = &t
		}
	}
	for i, x := range m.Objects {
		line.Objects[i] = jsonObject{x.Class, x.Label, x.Score, [4]float32{x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2}, x.Track}
	}
	return w.to.Encode(line)
}

func (jsonWriter) Close() error { return nil }

// seconds returns a time in seconds, rounded to a microsecond.
func seconds(t time.Duration) float64 { return math.Round(float64(t)/1e3) / 1e6 }

// xywh returns left, top, width and height. The differences are computed in float64, as in Evaluate's results.
func xywh(b geom.Box) [4]float64 {
	return [4]float64{float64(b.X1), float64(b.Y1), float64(b.X2 - b.X1), float64(b.Y2 - b.Y1)}
}
