package coco

import (
	"fmt"
	"path/filepath"
	"slices"
)

// maxAnnotationFile limits the size of one image's XML file, in bytes.
const maxAnnotationFile = 16 << 20

// ReadVOC reads a Pascal VOC folder (Annotations/*.xml, JPEGImages, ImageSets/Main/<split>.txt). Images are
// numbered 1, 2, ... in the order of the split. Classes 1..K are the given ones, or the names found in all of Annotations (not
// only in the split: class numbers must not depend on it), sorted; an object of another class is an error.
//
// By default xmin, ymin, xmax, ymax are 0-based pixel coordinates of the corners, as labelling tools write them and
// torchvision-style readers read them: the box is xmax-xmin wide. With Options.Devkit they are 1-based and inclusive, as in the
// devkit: the box begins at xmin-1 and is xmax-xmin+1 wide. Boxes are rounded to 1e-6 pixels, so that the difference of two
// short decimals is a short decimal.
//
// An object with "iscrowd" or "ignore", which package layout writes, is a crowd or Ignore.
//
// Annotations are read in the encoding that their first line names. A size that is missing or 0 stays 0; FillSizes reads it from
// the image. A line of a list is the name of an image, which may contain blanks. If no annotation has that name, a last column of
// -1, 0 or 1 is removed.
//
// split may be empty only if there is no ImageSets/Main. The data set then has every annotated image, sorted by name.
func ReadVOC(dir string, opt Options) (*Dataset, error) {
	files, err := findVOCFiles(dir)
	if err != nil {
		return nil, err
	}
	names, err := files.split(opt.Split)
	if err != nil {
		return nil, err
	}
	return files.read(names, opt)
}

// read reads the annotations with the given names.
func (f *vocFiles) read(names []string, opt Options) (*Dataset, error) {
	r := vocReader{files: f, opt: opt, classes: opt.Classes, data: Dataset{Path: f.dir, ImagesDir: f.imagesDir}}
	r.readFiles(names)
	if len(r.classes) == 0 {
		if err := r.findClasses(); err != nil {
			return nil, err
		}
	}
	r.class = make(map[string]int, len(r.classes))
	for i, name := range r.classes {
		if r.class[name] != 0 {
			return nil, fmt.Errorf("%s: class %s is listed twice", f.dir, cut(name))
		}
		r.class[name] = i + 1
		r.data.Categories = append(r.data.Categories, Category{ID: int64(i + 1), Name: name})
	}
	for _, name := range names {
		if err := r.image(name); err != nil {
			return nil, err
		}
	}
	r.data.index()
	return &r.data, nil
}

type vocReader struct {
	files   *vocFiles
	opt     Options
	read    map[string]vocRead // annotations by name
	classes []string
	class   map[string]int // number by name
	data    Dataset
}

// vocRead is the annotation of an image, or the error of reading it.
type vocRead struct {
	file *vocFile
	err  error
}

// image adds an image and its objects.
func (r *vocReader) image(name string) error {
	path, a := r.files.annotation(name), r.read[name].file
	if err := r.read[name].err; err != nil {
		return r.opt.fault(err)
	}
	w, h, err := a.size()
	if err != nil {
		if err := r.opt.fault(fmt.Errorf("%s: %w", path, err)); err != nil {
			return err
		}
	}
	if err == nil && (w == 0 || h == 0) {
		r.opt.unsized(fmt.Errorf("%s: size: %dx%d pixels, so that of the image is taken", path, w, h))
	}
	d := &r.data
	d.Images = append(d.Images, Image{ID: int64(len(d.Images) + 1), FileName: filepath.ToSlash(r.files.image(name, a.FileName)), Width: w, Height: h})
	for j := range a.Objects {
		if err := r.object(path, j, &a.Objects[j]); err != nil {
			return err
		}
	}
	return nil
}

// object adds object j of a file to the last image. An invalid name and an invalid box are separate faults.
func (r *vocReader) object(path string, j int, o *vocObject) error {
	class, nameErr := r.class[o.Name], error(nil)
	switch {
	case o.Name == "":
		nameErr = fmt.Errorf("%s: object[%d].name: missing", path, j)
	case class == 0:
		nameErr = fmt.Errorf("%s: object[%d].name: unknown class %s, the classes are %s", path, j, cut(o.Name), cutList(r.classes))
	}
	box, boxErr := o.box(r.opt.Devkit)
	if boxErr != nil {
		boxErr = fmt.Errorf("%s: object[%d].bndbox.%w", path, j, boxErr)
	}
	for _, err := range []error{nameErr, boxErr} {
		if err := r.opt.fault(err); err != nil {
			return err
		}
	}
	if nameErr != nil || boxErr != nil {
		return nil
	}
	d, crowd, ignore := &r.data, o.Crowd == "1", o.Ignore == "1"
	d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations) + 1), Image: len(d.Images) - 1, Class: class,
		Box: box, Area: box[2] * box[3], Crowd: crowd, Ignore: ignore, Difficult: o.Difficult == "1" && !crowd && !ignore, Truncated: o.Truncated == "1"})
	return nil
}

// readFiles reads annotations that were not read yet.
func (r *vocReader) readFiles(names []string) {
	if r.read == nil {
		r.read = make(map[string]vocRead, len(names))
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := r.read[name]; return ok })
	read := make([]vocRead, len(names))
	parallel(len(names), func(_ *struct{}, i int) { read[i].file, read[i].err = readVOCFile(r.files.annotation(names[i])) })
	for i, name := range names {
		r.read[name] = read[i]
	}
}

// findClasses sets the classes to the names of all annotated objects, sorted. Faults are reported later, when images are read.
func (r *vocReader) findClasses() error {
	names, err := r.files.names()
	if err != nil {
		return err
	}
	r.readFiles(names)
	seen := make(map[string]bool)
	for _, name := range names {
		a := r.read[name]
		if a.err != nil {
			if r.opt.Report != nil {
				continue
			}
			return a.err
		}
		for j, o := range a.file.Objects {
			if o.Name == "" && r.opt.Report == nil {
				return fmt.Errorf("%s: object[%d].name: missing", r.files.annotation(name), j)
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
