package coco

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxAnnotationFile bounds one picture's XML file, in bytes.
const maxAnnotationFile = 16 << 20

// ReadVOC reads a folder in Pascal VOC's layout (Annotations/*.xml, JPEGImages, ImageSets/Main/<split>.txt). Images are
// numbered 1, 2, ... in the order of the split. Classes 1..K are the given ones, or the names found in all of Annotations (not
// only in the split: class numbers must not depend on it), sorted; an object of another class is an error.
//
// xmin, ymin, xmax, ymax are taken as they are, as corners in pixels: the devkit counts from 1 and includes the last pixel, the
// tools people label with count from 0. So a box is xmax-xmin wide, and figures compare with torchvision-style readers.
//
// split may be empty only where there is no ImageSets/Main: then every annotated picture belongs to the set, sorted by name.
func ReadVOC(dir, split string, classes ...string) (*Dataset, error) {
	names, err := vocSplit(dir, split)
	if err != nil {
		return nil, err
	}
	pictures, err := vocPictures(dir)
	if err != nil {
		return nil, err
	}
	if len(classes) == 0 {
		if classes, err = vocClasses(dir); err != nil {
			return nil, err
		}
	}
	d := &Dataset{Path: dir, ImagesDir: filepath.Join(dir, "JPEGImages")}
	class := make(map[string]int, len(classes))
	for i, name := range classes {
		if class[name] != 0 {
			return nil, fmt.Errorf("%s: class %q is listed twice", dir, name)
		}
		class[name] = i + 1
		d.Categories = append(d.Categories, Category{ID: int64(i + 1), Name: name})
	}
	for i, name := range names {
		path := filepath.Join(dir, "Annotations", name+".xml")
		a, err := readVOCFile(path)
		if err != nil {
			return nil, err
		}
		file := pictures[name]
		if file == "" {
			file = name + ".jpg" // reported by CheckImages, or when it is loaded
		}
		d.Images = append(d.Images, Image{ID: int64(i + 1), FileName: file, Width: int(a.Width), Height: int(a.Height)})
		for j, o := range a.Objects {
			if class[o.Name] == 0 {
				return nil, fmt.Errorf("%s: object[%d].name: unknown class %q, the classes are %q", path, j, o.Name, classes)
			}
			box, err := o.box()
			if err != nil {
				return nil, fmt.Errorf("%s: object[%d].bndbox.%w", path, j, err)
			}
			d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations) + 1), Image: i, Class: class[o.Name],
				Box: box, Area: box[2] * box[3], Difficult: o.Difficult == "1"})
		}
	}
	d.index()
	return d, nil
}

type vocFile struct {
	XMLName xml.Name    `xml:"annotation"`
	Width   float64     `xml:"size>width"`
	Height  float64     `xml:"size>height"`
	Objects []vocObject `xml:"object"`
}

type vocObject struct {
	Name      string  `xml:"name"`
	Difficult string  `xml:"difficult"`
	Box       *vocBox `xml:"bndbox"`
}

type vocBox struct {
	XMin string `xml:"xmin"`
	YMin string `xml:"ymin"`
	XMax string `xml:"xmax"`
	YMax string `xml:"ymax"`
}

// box is x, y, width, height.
func (o *vocObject) box() (box [4]float64, err error) {
	if o.Box == nil {
		return box, inField("xmin", errMissing)
	}
	for i, c := range [...]struct{ name, text string }{
		{"xmin", o.Box.XMin}, {"ymin", o.Box.YMin}, {"xmax", o.Box.XMax}, {"ymax", o.Box.YMax}} {
		v, err := strconv.ParseFloat(strings.TrimSpace(c.text), 64)
		switch {
		case c.text == "":
			return box, inField(c.name, errMissing)
		case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
			return box, inField(c.name, fmt.Errorf("%.40q is not a finite number", c.text))
		}
		box[i] = v
	}
	if box[2] < box[0] {
		return box, inField("xmax", fmt.Errorf("%v is left of xmin %v", box[2], box[0]))
	}
	if box[3] < box[1] {
		return box, inField("ymax", fmt.Errorf("%v is above ymin %v", box[3], box[1]))
	}
	box[2] -= box[0]
	box[3] -= box[1]
	return box, nil
}

// readVOCFile reads the annotation of one picture.
func readVOCFile(path string) (*vocFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("annotation: %w", err)
	}
	defer f.Close()
	a, err := decodeVOC(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

func decodeVOC(r io.Reader) (*vocFile, error) {
	limited := &io.LimitedReader{R: r, N: maxAnnotationFile}
	var a vocFile
	dec := xml.NewDecoder(limited)
	if err := dec.Decode(&a); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("more than %d bytes for one picture", maxAnnotationFile)
		}
		if errors.Is(err, io.EOF) {
			return nil, errors.New("byte 0: no annotation in the file")
		}
		return nil, fmt.Errorf("byte %d: %w", dec.InputOffset(), err)
	}
	for _, side := range [...]float64{a.Width, a.Height} {
		if !(side >= 0 && side <= math.MaxInt32) {
			return nil, fmt.Errorf("size: %v pixels", side)
		}
	}
	for i := range a.Objects {
		a.Objects[i].Name = strings.TrimSpace(a.Objects[i].Name)
		a.Objects[i].Difficult = strings.TrimSpace(a.Objects[i].Difficult)
	}
	return &a, nil
}

// vocSplit lists the picture names of a split.
func vocSplit(dir, split string) ([]string, error) {
	lists := filepath.Join(dir, "ImageSets", "Main")
	if split == "" {
		entries, err := os.ReadDir(lists)
		if errors.Is(err, fs.ErrNotExist) {
			return vocAnnotated(dir)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		var have []string
		for _, e := range entries {
			if filepath.Ext(e.Name()) == ".txt" {
				have = append(have, stem(e.Name()))
			}
		}
		return nil, fmt.Errorf("%s: name a split, there are %q", dir, have)
	}
	path := filepath.Join(lists, split+".txt")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	var names []string
	line := make(map[string]int)
	for i, row := range strings.Split(string(text), "\n") {
		fields := strings.Fields(row)
		if len(fields) == 0 {
			continue
		}
		name := fields[0] // a class's own list has 1, 0 or -1 behind the name
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("%s: line %d: %q is not the name of a picture", path, i+1, name)
		}
		if line[name] != 0 {
			return nil, fmt.Errorf("%s: line %d: %q is on line %d already", path, i+1, name, line[name])
		}
		line[name] = i + 1
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: the split is empty", path)
	}
	return names, nil
}

// vocAnnotated lists the names of all annotated pictures, sorted.
func vocAnnotated(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "Annotations"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".xml" {
			names = append(names, stem(e.Name()))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no XML file in Annotations", dir)
	}
	return names, nil
}

// vocPictures maps names to the files in JPEGImages, whatever their extension.
func vocPictures(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "JPEGImages"))
	if err != nil {
		return nil, fmt.Errorf("%s: pictures: %w", dir, err)
	}
	files := make(map[string]string, len(entries))
	for _, e := range entries {
		files[stem(e.Name())] = e.Name()
	}
	return files, nil
}

// vocClasses are the names of all annotated objects, sorted.
func vocClasses(dir string) ([]string, error) {
	names, err := vocAnnotated(dir)
	if err != nil {
		return nil, err
	}
	var classes []string
	seen := make(map[string]bool)
	for _, name := range names {
		path := filepath.Join(dir, "Annotations", name+".xml")
		a, err := readVOCFile(path)
		if err != nil {
			return nil, err
		}
		for j, o := range a.Objects {
			if o.Name == "" {
				return nil, fmt.Errorf("%s: object[%d].name: missing", path, j)
			}
			if !seen[o.Name] {
				seen[o.Name] = true
				classes = append(classes, o.Name)
			}
		}
	}
	slices.Sort(classes)
	return classes, nil
}

// stem is a file name without folder and extension.
func stem(name string) string {
	base := filepath.Base(name)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
