package coco

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/imaging"
)

// record is an image as the file of a labelling tool describes it.
type record struct {
	name          string // path, address or id of the image
	width, height int    // pixels, 0 if not annotated
	place         string // in the file, for messages
	objects       []recordObject
}

// recordObject is an object of a record.
type recordObject struct {
	class                               string
	box                                 [4]float64 // x, y, width, height in pixels
	crowd, ignore, difficult, truncated bool
}

// records makes a data set of the files of labelling tools. Class numbers do not depend on the split: the names are those of all
// files, sorted, or in the order that the files declare.
type records struct {
	opt      Options
	data     Dataset
	images   *imageFinder
	class    map[string]int // by name, in order of occurrence, from 1
	names    []string
	declared [][]string // class lists of files that have them
	passed   bool       // what is read is of another split: its classes count, its faults do not
}

func newRecords(path string, images *imageFinder, opt Options) *records {
	return &records{opt: opt, images: images, class: make(map[string]int),
		data: Dataset{Path: path, ImagesDir: images.dir, Changes: Remarks{Keep: opt.Names}}}
}

// fault reports an error of an entry as Options.fault does, unless the entry is of another split.
func (r *records) fault(err error) error {
	if r.passed {
		return nil
	}
	return r.opt.fault(err)
}

// change counts what is not read as it is annotated.
func (r *records) change(kind, format string, args ...any) {
	if !r.passed {
		r.data.Changes.Add(kind, format, args...)
	}
}

// known registers a class name, and returns an error if Options.Classes does not have it.
func (r *records) known(name string) error {
	if len(r.opt.Classes) > 0 && !slices.Contains(r.opt.Classes, name) {
		return fmt.Errorf("unknown class %s, the classes are %s", cut(name), cutList(r.opt.Classes))
	}
	if r.class[name] == 0 {
		name = strings.Clone(name) // of a buffer
		r.names = append(r.names, name)
		r.class[name] = len(r.names)
	}
	return nil
}

// take adds an object to a record, unless what is there is no box (nil) or there was an error in reading it.
func (r *records) take(rec *record, file, place string, o *recordObject, err error) error {
	if err != nil {
		return r.fault(fmt.Errorf("%s: %s.%w", file, place, err))
	}
	if o != nil {
		rec.objects = append(rec.objects, *o)
	}
	return nil
}

// add adds an image with its objects. file is the annotation file.
func (r *records) add(file string, rec *record) error {
	if r.passed {
		return nil
	}
	name, err := r.images.find(rec.name, splitOfInstances(file))
	if err != nil {
		return r.fault(fmt.Errorf("%s: %s: %w", file, rec.place, err))
	}
	r.addObjects(r.addImage(name, rec.width, rec.height), rec.objects)
	return nil
}

// addImage adds an image and returns its index.
func (r *records) addImage(name string, w, h int) int {
	d := &r.data
	d.Images = append(d.Images, Image{ID: int64(len(d.Images) + 1), FileName: filepath.ToSlash(name), Width: w, Height: h})
	return len(d.Images) - 1
}

func (r *records) addObjects(image int, objects []recordObject) {
	d := &r.data
	for i := range objects {
		o := &objects[i]
		d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations) + 1), Image: image, Class: r.class[o.class],
			Box: o.box, Area: o.box[2] * o.box[3], Crowd: o.crowd, Ignore: o.ignore, Difficult: o.difficult, Truncated: o.truncated})
	}
}

// finish returns the data set.
func (r *records) finish() *Dataset {
	names := r.order()
	number := make(map[string]int, len(names))
	for i, name := range names {
		number[name] = i + 1
		r.data.Categories = append(r.data.Categories, Category{ID: int64(i + 1), Name: name})
	}
	for i := range r.data.Annotations {
		a := &r.data.Annotations[i]
		a.Class = number[r.names[a.Class-1]]
	}
	r.data.index()
	return &r.data
}

// order returns the class names in the order of their numbers: that of Options.Classes, or that which all files declare, or sorted.
func (r *records) order() []string {
	if len(r.opt.Classes) > 0 {
		return r.opt.Classes
	}
	same := len(r.declared) > 0
	for _, list := range r.declared {
		same = same && slices.Equal(list, r.declared[0])
		for _, name := range list {
			_ = r.known(name) // there are no Options.Classes that it could be missing in
		}
	}
	names := slices.Clone(r.names)
	if same && len(r.declared[0]) == len(names) {
		return r.declared[0]
	}
	slices.Sort(names)
	return names
}

// sizeOf returns the size of an image that is not annotated, from its file.
func sizeOf(path string) (w, h int, err error) {
	s, err := imaging.Size(path, imaging.Limits{})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, fmt.Errorf("%w at %.300s", ErrNoImage, path)
	}
	return s.W, s.H, err
}
