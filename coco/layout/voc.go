package layout

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/internal/voc"
)

// VOC writes the parts in Pascal VOC format: Annotations/*.xml, JPEGImages, ImageSets/Main/<part>.txt. A crowd is marked as
// difficult, so that evaluations ignore the object, and by an "iscrowd" that ReadVOC reads. An ignored object is, too, with "ignore".
func (w *Writer) VOC(ctx context.Context, dir string, parts []Part) error {
	if err := w.holdsImages("Pascal VOC"); err != nil {
		return err
	}
	w.names(parts, "annotation file *.xml")
	if err := w.check(parts); err != nil {
		return err
	}
	if err := checkXML(parts); err != nil {
		return err
	}
	return w.folder(dir, func(dir string) error {
		for _, folder := range []string{"Annotations", "JPEGImages", filepath.Join("ImageSets", "Main")} {
			if err := w.mkdir(filepath.Join(dir, folder)); err != nil {
				return err
			}
		}
		for _, p := range parts {
			if err := w.vocFree(ctx, dir, p); err != nil {
				return err
			}
		}
		for _, p := range parts {
			if err := w.vocPart(ctx, dir, p); err != nil {
				return err
			}
		}
		w.lostClasses(parts)
		return nil
	})
}

func vocList(dir, part string) string { return filepath.Join(dir, "ImageSets", "Main", part+".txt") }

// vocFree returns an error if the list or an annotation of a part exists, before anything is written.
func (w *Writer) vocFree(ctx context.Context, dir string, p Part) error {
	if _, err := os.Lstat(vocList(dir, p.Name)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: already exists", vocList(dir, p.Name))
	}
	quiet := Writer{nested: w.nested, shared: w.shared}
	return quiet.each(ctx, p.Data, func(i int, name string) error {
		if line := stem(name); strings.TrimSpace(line) != line || strings.ContainsAny(line, "\r\n") {
			return fmt.Errorf("%s: images[%d].file_name: %.100q: Pascal VOC lists cannot hold names with leading or trailing blanks or line breaks", p.Data.Path, i, name)
		}
		for _, file := range []string{filepath.Join(dir, "JPEGImages", name), filepath.Join(dir, "Annotations", stem(name)+".xml")} {
			if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s: already exists", file)
			}
		}
		return nil
	})
}

func (w *Writer) vocPart(ctx context.Context, dir string, p Part) error {
	d := p.Data
	w.masks(d)
	var list []byte
	err := w.each(ctx, d, func(i int, name string) error {
		a, err := w.vocAnnotation(d, i, name)
		if err != nil {
			return err
		}
		text, err := xml.MarshalIndent(a, "", "\t")
		if err != nil {
			return fmt.Errorf("%s: images[%d]: %w", d.Path, i, err)
		}
		list = append(append(list, stem(name)...), '\n')
		image, annotation := filepath.Join(dir, "JPEGImages", name), filepath.Join(dir, "Annotations", stem(name)+".xml")
		w.file(image)
		w.file(annotation)
		if err := w.put(d, i, image); err != nil {
			return err
		}
		return os.WriteFile(annotation, append(text, '\n'), 0o644)
	})
	if err != nil {
		return err
	}
	w.file(vocList(dir, p.Name))
	return checkpoint.WriteAtomic(vocList(dir, p.Name), func(to io.Writer) error {
		_, err := to.Write(list)
		return err
	})
}

// vocFile is a file of annotations whose objects have what package voc does not write.
type vocFile struct {
	voc.Annotation
	Objects []vocObject `xml:"object"`
}

type vocObject struct {
	voc.Object
	Ignore int `xml:"ignore,omitempty"` // ours, as iscrowd is
}

func (w *Writer) vocAnnotation(d *coco.Dataset, i int, name string) (*vocFile, error) {
	s, err := size(d, i)
	if err != nil {
		return nil, err
	}
	out := &vocFile{Annotation: voc.Annotation{Folder: "JPEGImages", FileName: name, Width: s.W, Height: s.H, Depth: 3}}
	for _, at := range d.Objects(i) {
		a := &d.Annotations[at]
		if w.negative(d, at) {
			continue
		}
		if a.Ignored() { // which are difficult in any case
			w.unkept(d, at, "difficult")
		}
		o := voc.Object{Name: className(d.Categories[a.Class-1]), Pose: voc.Unspecified, Truncated: flag(a.Truncated),
			Difficult: flag(a.Difficult || a.Ignored()), Crowd: flag(a.Crowd)}
		left, top, right, bottom := a.Box[0], a.Box[1], a.Box[0]+a.Box[2], a.Box[1]+a.Box[3]
		if w.Devkit {
			o.XMin, o.YMin, o.XMax, o.YMax = pixel(left, 1), pixel(top, 1), pixel(right, 0), pixel(bottom, 0)
			if a.Box != [4]float64{math.Round(a.Box[0]), math.Round(a.Box[1]), math.Round(a.Box[2]), math.Round(a.Box[3])} {
				w.Remarks.Add("box rounded to whole pixels", "%s", where(d, at))
			}
		} else {
			o.XMin, o.YMin, o.XMax, o.YMax = decimal(left), decimal(top), decimal(right), decimal(bottom)
		}
		out.Objects = append(out.Objects, vocObject{o, flag(a.Ignore)})
		w.wrote(o.Name)
	}
	return out, nil
}

func flag(v bool) int {
	if v {
		return 1
	}
	return 0
}

func pixel(v, first float64) string { return strconv.FormatFloat(math.Round(v)+first, 'f', 0, 64) }

// decimal formats v with at most six decimals.
func decimal(v float64) string {
	if rounded := math.Round(v*1e6) / 1e6; math.Abs(v) < 1<<30 {
		v = rounded
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
