package layout

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"

	"scalenet/coco"
)

// LabelMe writes the parts as folders of images with a JSON file for each.
func (w *Writer) LabelMe(ctx context.Context, dir string, parts []Part) error {
	if err := w.splitFolders("LabelMe", parts, "annotation file *.json"); err != nil {
		return err
	}
	return w.folder(dir, func(dir string) error {
		for _, p := range parts {
			w.masks(p.Data)
			err := w.part(filepath.Join(dir, p.Name), func(folder string) error {
				return w.each(ctx, p.Data, func(i int, name string) error {
					file, err := w.labelMe(p.Data, i, name)
					if err != nil {
						return err
					}
					text, err := json.MarshalIndent(file, "", "  ")
					if err != nil {
						return err
					}
					if err := w.put(p.Data, i, filepath.Join(folder, name)); err != nil {
						return err
					}
					return os.WriteFile(filepath.Join(folder, stem(name)+".json"), append(text, '\n'), 0o644)
				})
			})
			if err != nil {
				return err
			}
		}
		w.lostClasses(parts)
		return nil
	})
}

// labelMeFile is the file of an image, of the format's version 5.5.
type labelMeFile struct {
	Version string          `json:"version"`
	Flags   map[string]bool `json:"flags"`
	Shapes  []labelMeShape  `json:"shapes"`
	Image   string          `json:"imagePath"`
	Data    *string         `json:"imageData"` // null: the image is read from its file
	Height  int             `json:"imageHeight"`
	Width   int             `json:"imageWidth"`
}

type labelMeShape struct {
	Label       string            `json:"label"`
	Points      [2][2]json.Number `json:"points"`
	Group       *int              `json:"group_id"`
	Description string            `json:"description"`
	Kind        string            `json:"shape_type"`
	Flags       map[string]bool   `json:"flags"`
	Mask        *string           `json:"mask"`
}

func (w *Writer) labelMe(d *coco.Dataset, i int, name string) (*labelMeFile, error) {
	s, err := size(d, i)
	if err != nil {
		return nil, err
	}
	file := &labelMeFile{Version: "5.5.0", Flags: map[string]bool{}, Shapes: []labelMeShape{}, Image: name, Height: s.H, Width: s.W}
	for _, at := range d.Objects(i) {
		a := &d.Annotations[at]
		if w.negative(d, at) {
			continue
		}
		shape := labelMeShape{Label: className(d.Categories[a.Class-1]), Kind: "rectangle", Flags: setFlags(a), Points: [2][2]json.Number{
			{number(a.Box[0]), number(a.Box[1])}, {number(a.Box[0] + a.Box[2]), number(a.Box[1] + a.Box[3])}}}
		file.Shapes = append(file.Shapes, shape)
		w.wrote(shape.Label)
	}
	return file, nil
}

// setFlags returns the names of the flags that an object has.
func setFlags(a *coco.Annotation) map[string]bool {
	flags := make(map[string]bool)
	for name, on := range map[string]bool{"difficult": a.Difficult, "truncated": a.Truncated, "iscrowd": a.Crowd, "ignore": a.Ignore} {
		if on {
			flags[name] = true
		}
	}
	return flags
}

// number formats v with at most six decimals.
func number(v float64) json.Number { return json.Number(decimal(v)) }

// fraction formats v such that the same bits are read.
func fraction(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
