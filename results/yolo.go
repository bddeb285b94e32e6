package results

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// yoloNames is the file with the names of the classes.
const yoloNames = "data.yaml"

// yoloWriter writes labels/NAME.txt: per object the class from 0, and the centre and size of the box as fractions of the image. An image without objects
// has an empty file, which trainers read as background.
type yoloWriter struct {
	classes []string
	put     func(name string, data []byte) error
	named   bool
}

func (w *yoloWriter) Add(m Image) error {
	if !w.named {
		if err := w.name(); err != nil {
			return err
		}
	}
	if m.Out == "" {
		return nil
	}
	text := []byte{}
	for _, x := range m.Objects {
		b, width, height := x.Box, float64(m.Width), float64(m.Height)
		text = strconv.AppendInt(text, int64(x.Class-1), 10)
		for _, v := range [4]float64{
			(float64(b.X1) + float64(b.X2)) / 2 / width, (float64(b.Y1) + float64(b.Y2)) / 2 / height,
			float64(b.X2-b.X1) / width, float64(b.Y2-b.Y1) / height,
		} {
			const digits = 9 // 1e-4 pixel in the largest image
			text = strconv.AppendFloat(append(text, ' '), v, 'f', digits, 64)
		}
		text = append(text, '\n')
	}
	return w.put(YOLO.file(m.Out, m.Frame), text)
}

// name writes the names of the classes.
func (w *yoloWriter) name() error {
	names := make(map[int]string, len(w.classes))
	for i, class := range w.classes {
		names[i] = class
	}
	text, err := yaml.Marshal(map[string]any{"names": names})
	if err != nil {
		return err
	}
	w.named = true
	return w.put(yoloNames, text)
}

// Close writes the names of the classes if there was no image.
func (w *yoloWriter) Close() error {
	if w.named {
		return nil
	}
	return w.name()
}
