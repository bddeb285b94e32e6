package coco

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"scalenet/checkpoint"
)

// WriteCOCO writes the data set as a COCO instances file. Numbers are written with full precision: reading them back gives the same
// bits. The flags of Pascal VOC are written as "difficult" and "truncated", which other readers skip. Names that are not UTF-8 are an
// error.
func WriteCOCO(path string, d *Dataset) error {
	if err := d.CheckNames(); err != nil {
		return err
	}
	return writeAtomic(path, func(w *bufio.Writer) error {
		w.WriteString("{\n\"images\": [")
		for i, img := range d.Images {
			name, err := json.Marshal(img.FileName)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s{\"id\": %d, \"file_name\": %s, \"width\": %d, \"height\": %d}", separator(i), img.ID, name, img.Width, img.Height)
		}
		w.WriteString("\n],\n\"categories\": [")
		for i, c := range d.Categories {
			name, err := json.Marshal(c.Name)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s{\"id\": %d, \"name\": %s}", separator(i), c.ID, name)
		}
		w.WriteString("\n],\n\"annotations\": [")
		line := make([]byte, 0, 256)
		for i := range d.Annotations {
			line = append(line[:0], separator(i)...)
			line = d.appendAnnotation(line, &d.Annotations[i])
			w.Write(line)
		}
		_, err := w.WriteString("\n]\n}\n")
		return err
	})
}

// CheckNames returns an error if WriteCOCO cannot write the name of an image or a category: JSON is UTF-8, and another byte would
// become U+FFFD, so that the image is not found again.
func (d *Dataset) CheckNames() error {
	for i, img := range d.Images {
		if !utf8.ValidString(img.FileName) {
			return fmt.Errorf("%s: images[%d].file_name: %.300q is not UTF-8, which a list of images must be: rename the file or folder", d.Path, d.ImagePlace(i), img.FileName)
		}
	}
	for _, c := range d.Categories {
		if !utf8.ValidString(c.Name) {
			return fmt.Errorf("%s: categories: the name %.300q of id %d is not UTF-8", d.Path, c.Name, c.ID)
		}
	}
	return nil
}

func separator(i int) string {
	if i == 0 {
		return "\n"
	}
	return ",\n"
}

func (d *Dataset) appendAnnotation(b []byte, a *Annotation) []byte {
	b = append(b, `{"id": `...)
	b = strconv.AppendInt(b, a.ID, 10)
	b = append(b, `, "image_id": `...)
	b = strconv.AppendInt(b, d.Images[a.Image].ID, 10)
	b = append(b, `, "category_id": `...)
	b = strconv.AppendInt(b, d.Categories[a.Class-1].ID, 10)
	b = append(b, `, "bbox": `...)
	b = appendBox(b, a.Box)
	b = append(b, `, "area": `...)
	b = appendNumber(b, a.Area)
	b = append(b, `, "iscrowd": `...)
	b = appendFlag(b, a.Crowd)
	if a.Ignore {
		b = append(b, `, "ignore": 1`...)
	}
	if a.Difficult { // Pascal VOC's flags, if set
		b = append(b, `, "difficult": 1`...)
	}
	if a.Truncated {
		b = append(b, `, "truncated": 1`...)
	}
	return append(b, '}')
}

func appendFlag(b []byte, v bool) []byte {
	if v {
		return append(b, '1')
	}
	return append(b, '0')
}

func appendBox(b []byte, box [4]float64) []byte {
	b = append(b, '[')
	for i, v := range box {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendNumber(b, v)
	}
	return append(b, ']')
}

// appendNumber writes the shortest decimal that reads back as the same float64.
func appendNumber(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'g', -1, 64) }

// writeAtomic writes a file atomically: completely or not at all.
func writeAtomic(path string, write func(w *bufio.Writer) error) error {
	return checkpoint.WriteAtomic(path, func(to io.Writer) error {
		w := bufio.NewWriterSize(to, 1<<16)
		if err := write(w); err != nil {
			return err
		}
		return w.Flush()
	})
}
