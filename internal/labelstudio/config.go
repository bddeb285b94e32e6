package labelstudio

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"scalenet/internal/brief"
)

// Config has those parts of a labeling configuration that boxes are written with: an Image and its RectangleLabels.
type Config struct {
	Image    string // name of the Image
	Field    string // of a task's data, with the address of the image
	controls []rectangles
}

// rectangles is a RectangleLabels.
type rectangles struct {
	name, image string
	labels      []string
	dynamic     bool // labels come from the data of each task: any class is one
}

// ParseConfig reads a labeling configuration (XML). If it has boxes in several images, it is the first image that counts. An error says what is
// missing.
func ParseConfig(text string) (Config, error) {
	r := reader{images: map[string]string{}}
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return r.config()
		}
		if err != nil {
			return Config{}, fmt.Errorf("not XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			r.start(t)
		case xml.EndElement:
			if t.Name.Local == "RectangleLabels" {
				r.open = false
			}
		}
	}
}

// reader collects the tags of a configuration. A control may stand before its image.
type reader struct {
	images   map[string]string // field of the data by name
	controls []rectangles
	open     bool // within the last of controls
}

func (r *reader) start(t xml.StartElement) {
	attributes := map[string]string{}
	for _, a := range t.Attr {
		attributes[a.Name.Local] = a.Value
	}
	switch t.Name.Local {
	case "Image":
		if field, ok := strings.CutPrefix(attributes["value"], "$"); ok {
			r.images[attributes["name"]] = field
		}
	case "RectangleLabels":
		r.open = true
		r.controls = append(r.controls, rectangles{name: attributes["name"], image: attributes["toName"], dynamic: strings.HasPrefix(attributes["value"], "$")})
	case "Label":
		label := attributes["alias"] // replaces the value in annotations
		if label == "" {
			label = attributes["value"]
		}
		if last := len(r.controls) - 1; r.open && label != "" {
			r.controls[last].labels = append(r.controls[last].labels, label)
		}
	}
}

func (r *reader) config() (Config, error) {
	var c Config
	for _, k := range r.controls {
		field, ok := r.images[k.image]
		if ok && c.Image == "" {
			c.Image, c.Field = k.image, field
		}
		if ok && k.image == c.Image {
			c.controls = append(c.controls, k)
		}
	}
	switch {
	case len(r.controls) == 0:
		return c, errors.New("no RectangleLabels, which boxes need")
	case len(c.controls) == 0:
		return c, fmt.Errorf("RectangleLabels %q: toName = %q is no Image with a value such as $image", brief.Cut(r.controls[0].name, 100), brief.Cut(r.controls[0].image, 100))
	}
	return c, nil
}

// Target returns the RectangleLabels and the label for boxes of a class: the label with the name of the class, otherwise that which differs in case
// only. ok is false if there is none.
func (c Config) Target(class string) (control, label string, ok bool) {
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		for _, k := range c.controls {
			if i := slices.IndexFunc(k.labels, func(l string) bool { return same(l, class) }); i >= 0 {
				return k.name, k.labels[i], true
			}
		}
	}
	if i := slices.IndexFunc(c.controls, func(k rectangles) bool { return k.dynamic }); i >= 0 {
		return c.controls[i].name, class, true
	}
	return "", "", false
}
