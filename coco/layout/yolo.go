package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/geom"
)

// YOLO writes the parts in the format of Ultralytics YOLO: images/<part>, labels/<part> and data.yaml. All parts have the same
// classes. Labels have no flags: crowds are skipped, as in Ultralytics' own conversion, and so are ignored objects. Zero-area boxes
// are kept. Ultralytics refuses boxes that have their centre outside the image or exceed its size, so these are clipped to the image.
func (w *Writer) YOLO(ctx context.Context, dir string, parts []Part) error {
	if err := w.holdsImages("YOLO"); err != nil {
		return err
	}
	w.names(parts, "label file *.txt")
	if err := w.check(parts); err != nil {
		return err
	}
	return w.folder(dir, func(dir string) error {
		file := filepath.Join(dir, "data.yaml")
		data, err := readYOLOData(file)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if !slices.Contains([]string{"train", "val", "test"}, p.Name) {
				return fmt.Errorf("split %q: a YOLO data set has train, val and test", p.Name)
			}
			if err := data.add(p); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		for _, p := range parts {
			if err := w.yoloPart(ctx, dir, p); err != nil {
				return err
			}
		}
		text, err := yaml.Marshal(data)
		if err != nil {
			return err
		}
		return checkpoint.WriteAtomic(file, func(to io.Writer) error {
			_, err := to.Write(text)
			return err
		})
	})
}

// yoloData is data.yaml. Without "path", paths are relative to the folder of data.yaml.
type yoloData struct {
	Train string         `yaml:"train,omitempty"`
	Val   string         `yaml:"val,omitempty"`
	Test  string         `yaml:"test,omitempty"`
	Names map[int]string `yaml:"names"`
}

// readYOLOData reads an existing data.yaml to add parts to. It must be as this package writes it.
func readYOLOData(file string) (data yoloData, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return data, nil
	}
	if err != nil {
		return data, err
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(&data); err != nil {
		return data, fmt.Errorf("%s: cannot add a split: the file has other keys than train, val, test and names", file)
	}
	return data, nil
}

// add adds a part, which must be new and have the same classes.
func (y *yoloData) add(p Part) error {
	if len(p.Data.Categories) == 0 {
		return fmt.Errorf("names: %s has no categories, and a YOLO data set has at least one class", p.Data.Path)
	}
	names := make(map[int]string, len(p.Data.Categories))
	for i, c := range p.Data.Categories {
		names[i] = className(c)
	}
	if y.Names == nil {
		y.Names = names
	}
	if len(names) != len(y.Names) {
		return fmt.Errorf("names: %d classes, but %s has %d", len(y.Names), p.Data.Path, len(names))
	}
	for i, name := range names {
		if y.Names[i] != name {
			return fmt.Errorf("names: class %d is %q, but in %s %q", i, y.Names[i], p.Data.Path, name)
		}
	}
	entry := map[string]*string{"train": &y.Train, "val": &y.Val, "test": &y.Test}[p.Name]
	if *entry != "" {
		return fmt.Errorf("%s: already exists", p.Name)
	}
	*entry = "images/" + p.Name
	return nil
}

func (w *Writer) yoloPart(ctx context.Context, dir string, p Part) error {
	w.masks(p.Data)
	return w.part(filepath.Join(dir, "images", p.Name), func(images string) error {
		return w.part(filepath.Join(dir, "labels", p.Name), func(labels string) error {
			return w.each(ctx, p.Data, func(i int, name string) error {
				text, err := w.labels(p.Data, i)
				if err != nil {
					return err
				}
				if err := w.put(p.Data, i, filepath.Join(images, name)); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(labels, stem(name)+".txt"), text, 0o644)
			})
		})
	})
}

// labels returns the label lines of image i.
func (w *Writer) labels(d *coco.Dataset, i int) (text []byte, err error) {
	s, err := size(d, i)
	if err != nil {
		return nil, err
	}
	for _, at := range d.Objects(i) {
		a := &d.Annotations[at]
		if w.leftOut(d, at) || w.negative(d, at) {
			continue
		}
		row := fractions(a.Box, s)
		if slices.Min(row[:]) < 0 || slices.Max(row[:]) > 1 {
			cut, inside := clip(a.Box, s)
			if !inside {
				w.Remarks.Add("box outside the image, left out", "%s", where(d, at))
				continue
			}
			w.Remarks.Add("box cut at the image's edge", "%s", where(d, at))
			row = fractions(cut, s)
		}
		w.unkept(d, at, "difficult", "truncated")
		text = strconv.AppendInt(text, int64(a.Class-1), 10)
		for _, v := range row {
			text = strconv.AppendFloat(append(text, ' '), v, 'f', -1, 64)
		}
		text = append(text, '\n')
		w.wrote(className(d.Categories[a.Class-1]))
	}
	return text, nil
}

// fractions returns centre, width and height as fractions of the image size.
func fractions(box [4]float64, s geom.Size) [4]float64 {
	w, h := float64(s.W), float64(s.H)
	return [4]float64{(box[0] + box[2]/2) / w, (box[1] + box[3]/2) / h, box[2] / w, box[3] / h}
}

// clip clips a box to the image. inside is false if the box is outside the image.
func clip(box [4]float64, s geom.Size) (cut [4]float64, inside bool) {
	left, top := max(box[0], 0), max(box[1], 0)
	right, bottom := min(box[0]+box[2], float64(s.W)), min(box[1]+box[3], float64(s.H))
	return [4]float64{left, top, right - left, bottom - top}, right > left && bottom > top
}
