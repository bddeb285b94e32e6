package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Writer writes results. It is not safe for concurrent use.
type Writer interface {
	// Add writes an image. After an error from Options.To, what follows is not usable.
	Add(Image) error
	// Close completes what was written. It closes neither Options.To nor files.
	Close() error
}

// Options of a Writer.
type Options struct {
	// Classes are the names of the model's classes 1..K.
	Classes []string
	// To is where text, jsonl, csv, coco and labelstudio are written.
	To io.Writer
	// Put writes a file of yolo or voc. name is its path below the output folder, with slashes.
	Put func(name string, data []byte) error
	// Continues says that the results follow those of another writer, which has written csv's header and yolo's class names.
	Continues bool
	// IDs are the ids of images and categories in coco. The zero value numbers images from 1 in the order of Add, and categories as classes.
	IDs COCOIDs
}

// New returns a writer of a format.
func New(f Format, o Options) (Writer, error) {
	switch {
	case f.PerImage() && o.Put == nil:
		return nil, fmt.Errorf("format %s writes one file per image and needs an output folder", f)
	case !f.PerImage() && o.To == nil:
		return nil, fmt.Errorf("format %s needs an output file", f)
	}
	switch f {
	case Text:
		return textWriter{o.To}, nil
	case JSONLines:
		return jsonWriter{json.NewEncoder(o.To)}, nil
	case CSV:
		return &csvWriter{to: o.To, begun: o.Continues}, nil
	case COCO:
		return &cocoWriter{ids: o.IDs, given: givenIDs{}, array: jsonArray{to: o.To}}, nil
	case LabelStudio:
		return &studioWriter{array: jsonArray{to: o.To}}, nil
	case YOLO:
		return &yoloWriter{classes: o.Classes, put: o.Put, named: o.Continues}, nil
	case VOC:
		return vocWriter{o.Put}, nil
	}
	return nil, fmt.Errorf("unknown format %q", string(f))
}

// jsonArray writes a JSON array, one element per line. After every add it lacks only the closing bracket.
type jsonArray struct {
	to     io.Writer
	begun  bool
	closed bool
}

func (a *jsonArray) add(elements ...any) error {
	if a.closed {
		return errors.New("results: Add after Close")
	}
	var text []byte
	for _, e := range elements {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if text = append(text, ",\n"...); !a.begun {
			text[0], a.begun = '[', true
		}
		text = append(text, data...)
	}
	if text == nil {
		return nil
	}
	_, err := a.to.Write(text)
	return err
}

func (a *jsonArray) close() error {
	if a.closed {
		return nil
	}
	a.closed = true
	tail := "\n]\n"
	if !a.begun {
		tail = "[]\n"
	}
	_, err := io.WriteString(a.to, tail)
	return err
}
