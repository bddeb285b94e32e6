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
// Options.Devkit counts as the devkit does: the box begins at xmin-1 and is xmax-xmin+1 wide. Either way boxes are rounded to a
// millionth of a pixel, so that a difference of two decimals is a decimal.
//
// "iscrowd", which ToVOC of package layout writes, makes a crowd of an object.
//
// The split may be empty only where there is no ImageSets/Main: then every annotated picture belongs to the set, sorted by name.
func ReadVOC(dir string, opt Options) (*Dataset, error) {
	names, err := vocSplit(dir, opt.Split)
	if err != nil {
		return nil, err
	}
	r := vocReader{dir: dir, opt: opt, classes: opt.Classes, data: Dataset{Path: dir, ImagesDir: filepath.Join(dir, "JPEGImages")}}
	if r.pictures, err = vocPictures(dir); err != nil {
		return nil, err
	}
	r.readFiles(names)
	if len(r.classes) == 0 {
		if err := r.findClasses(); err != nil {
			return nil, err
		}
	}
	r.class = make(map[string]int, len(r.classes))
	for i, name := range r.classes {
		if r.class[name] != 0 {
			return nil, fmt.Errorf("%s: class %q is listed twice", dir, name)
		}
		r.class[name] = i + 1
		r.data.Categories = append(r.data.Categories, Category{ID: int64(i + 1), Name: name})
	}
	for _, name := range names {
		if err := r.picture(name); err != nil {
			return nil, err
		}
	}
	r.data.index()
	return &r.data, nil
}

type vocReader struct {
	dir      string
	opt      Options
	pictures map[string]string  // files in JPEGImages by name
	files    map[string]vocRead // annotations by name
	classes  []string
	class    map[string]int // number by name
	data     Dataset
}

// picture adds a picture and its objects.
func (r *vocReader) picture(name string) error {
	path, a := vocPath(r.dir, name), r.files[name].file
	if err := r.files[name].err; err != nil {
		return r.opt.fault(err)
	}
	file := r.pictures[name]
	if file == "" {
		file = name + ".jpg" // reported by CheckImages, or when it is loaded
	}
	d := &r.data
	d.Images = append(d.Images, Image{ID: int64(len(d.Images) + 1), FileName: file, Width: int(a.Width), Height: int(a.Height)})
	for j := range a.Objects {
		o := &a.Objects[j]
		box, err := o.box(r.opt.Devkit)
		if err != nil {
			err = fmt.Errorf("%s: object[%d].bndbox.%w", path, j, err)
		}
		if o.Name == "" {
			err = fmt.Errorf("%s: object[%d].name: missing", path, j)
		} else if r.class[o.Name] == 0 {
			err = fmt.Errorf("%s: object[%d].name: unknown class %q, the classes are %q", path, j, o.Name, r.classes)
		}
		if err != nil {
			if err := r.opt.fault(err); err != nil {
				return err
			}
			continue
		}
		crowd := o.Crowd == "1"
		d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations) + 1), Image: len(d.Images) - 1, Class: r.class[o.Name],
			Box: box, Area: box[2] * box[3], Crowd: crowd, Difficult: o.Difficult == "1" && !crowd, Truncated: o.Truncated == "1"})
	}
	return nil
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
	Truncated string  `xml:"truncated"`
	Crowd     string  `xml:"iscrowd"`
	Box       *vocBox `xml:"bndbox"`
}

type vocBox struct {
	XMin string `xml:"xmin"`
	YMin string `xml:"ymin"`
	XMax string `xml:"xmax"`
	YMax string `xml:"ymax"`
}

// box is x, y, width, height.
func (o *vocObject) box(devkit bool) (box [4]float64, err error) {
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
	if devkit {
		box[0]--
		box[1]--
	}
	if box[2] < box[0] {
		return box, inField("xmax", fmt.Errorf("%s is left of xmin %s", o.Box.XMax, o.Box.XMin))
	}
	if box[3] < box[1] {
		return box, inField("ymax", fmt.Errorf("%s is above ymin %s", o.Box.YMax, o.Box.YMin))
	}
	return micro([4]float64{box[0], box[1], box[2] - box[0], box[3] - box[1]}), nil
}

// micro rounds a box to a millionth of a pixel.
func micro(box [4]float64) [4]float64 {
	for i, v := range box {
		if math.Abs(v) < 1<<30 { // beyond, float64 has no millionths
			box[i] = math.Round(v*1e6) / 1e6
		}
	}
	return box
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
		for _, text := range []*string{&a.Objects[i].Name, &a.Objects[i].Difficult, &a.Objects[i].Truncated, &a.Objects[i].Crowd} {
			*text = strings.TrimSpace(*text)
		}
	}
	return &a, nil
}

// vocSplits lists the names of the lists in ImageSets/Main, those of single classes ("cat_train" beside "train") left out.
func vocSplits(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "ImageSets", "Main"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var names []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".txt" {
			names = append(names, stem(e.Name()))
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		at := strings.LastIndexByte(name, '_')
		return at >= 0 && slices.Contains(names, name[at+1:])
	}), nil
}

// vocSplit lists the picture names of a split.
func vocSplit(dir, split string) ([]string, error) {
	if split == "" {
		have, err := vocSplits(dir)
		if err != nil {
			return nil, err
		}
		if len(have) == 0 {
			return vocAnnotated(dir)
		}
		return nil, fmt.Errorf("%s: name a split, there are %q", dir, have)
	}
	path := filepath.Join(dir, "ImageSets", "Main", split+".txt")
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

// vocRead is the annotation of a picture, or why it cannot be read.
type vocRead struct {
	file *vocFile
	err  error
}

func vocPath(dir, name string) string { return filepath.Join(dir, "Annotations", name+".xml") }

// readFiles reads annotations that were not read yet.
func (r *vocReader) readFiles(names []string) {
	if r.files == nil {
		r.files = make(map[string]vocRead, len(names))
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := r.files[name]; return ok })
	read := make([]vocRead, len(names))
	parallel(len(names), func(_ *struct{}, i int) { read[i].file, read[i].err = readVOCFile(vocPath(r.dir, names[i])) })
	for i, name := range names {
		r.files[name] = read[i]
	}
}

// findClasses takes the names of all annotated objects, sorted. Where faults are reported, that is left to the reading of
// pictures.
func (r *vocReader) findClasses() error {
	names, err := vocAnnotated(r.dir)
	if err != nil {
		return err
	}
	r.readFiles(names)
	seen := make(map[string]bool)
	for _, name := range names {
		a := r.files[name]
		if a.err != nil {
			if r.opt.Report != nil {
				continue
			}
			return a.err
		}
		for j, o := range a.file.Objects {
			if o.Name == "" && r.opt.Report == nil {
				return fmt.Errorf("%s: object[%d].name: missing", vocPath(r.dir, name), j)
			}
			if o.Name != "" && !seen[o.Name] {
				seen[o.Name] = true
				r.classes = append(r.classes, o.Name)
			}
		}
	}
	slices.Sort(r.classes)
	return nil
}

// stem is a file name without folder and extension.
func stem(name string) string {
	base := filepath.Base(name)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
