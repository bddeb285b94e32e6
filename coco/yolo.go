package coco

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scalenet/geom"
	"scalenet/imaging"
)

// ReadYOLO reads a data set in the format of Ultralytics YOLO. data.yaml has the class names and, for each split, an image folder, a
// text file with one image path per line, or a list of these. The labels of images/x.jpg are in labels/x.txt, one line per object:
// class (from 0), centre x and y, width and height, as fractions of the image size after applying the EXIF orientation. A line with
// at least three points is a segmentation polygon, whose bounding box is used. An image without label file has no objects.
//
// Images are numbered 1, 2, ... in the order of the list, or sorted by path; their sizes are read from the files. Boxes are
// rounded to 1e-6 pixels. As in Ultralytics' reader, a coordinate below -0.01 or above 1.01, a negative width or
// height, an unknown class and a line with another number of columns are errors.
func ReadYOLO(path string, opt Options) (*Dataset, error) {
	file, err := readYOLOFile(path)
	if err != nil {
		return nil, err
	}
	root := file.root(filepath.Dir(path))
	images, err := file.images(path, root, opt.Split)
	if err != nil {
		return nil, err
	}
	d := &Dataset{Path: path, ImagesDir: root, Changes: Remarks{Keep: opt.Names}}
	file.remarkAlone(d, images)
	return file.read(d, images, labelsOf, opt)
}

// read reads images and their labels into d. labelsOf returns the label file of an image, which need not exist, or "".
func (f *yoloFile) read(d *Dataset, images []string, labelsOf func(image string) string, opt Options) (*Dataset, error) {
	for i, name := range f.Names {
		d.Categories = append(d.Categories, Category{ID: int64(i + 1), Name: name})
	}
	read := f.readImages(images, labelsOf)
	remarkShared(d, images, read, labelsOf)
	for i, p := range read {
		for _, err := range p.faults {
			if errors.Is(err, ErrNoImage) {
				err = fmt.Errorf("%s: %w", d.Path, err)
			}
			if err := opt.fault(err); err != nil {
				return nil, err
			}
		}
		if p.size == (geom.Size{}) {
			continue
		}
		name := images[i]
		if relative, err := filepath.Rel(d.ImagesDir, name); err == nil && filepath.IsLocal(relative) {
			name = relative
		}
		d.Images = append(d.Images, Image{ID: int64(len(d.Images) + 1), FileName: filepath.ToSlash(name), Width: p.size.W, Height: p.size.H})
		for _, o := range p.objects {
			box := o.box(float64(p.size.W), float64(p.size.H))
			d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations) + 1), Image: len(d.Images) - 1, Class: o.class + 1,
				Box: box, Area: box[2] * box[3]})
		}
	}
	d.index()
	return d, nil
}

// yoloImage is an image with its labels. The size is 0 if the image cannot be read.
type yoloImage struct {
	size    geom.Size
	objects []yoloObject
	faults  []error
}

// readImages reads the sizes and labels of images, several at a time.
func (f *yoloFile) readImages(paths []string, labelsOf func(image string) string) []yoloImage {
	images := make([]yoloImage, len(paths))
	parallel(len(paths), func(_ *struct{}, i int) {
		p := &images[i]
		var err error
		if p.size, err = imaging.Size(paths[i], imaging.Limits{}); errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w at %.300s", ErrNoImage, paths[i])
		}
		if err != nil {
			p.faults = append(p.faults, err)
			return
		}
		if labels := labelsOf(paths[i]); labels != "" {
			p.objects, p.faults = f.readLabels(labels)
		}
	})
	return images
}

// labelsOf returns the label file of an image: the last folder "images" of its path becomes "labels", its extension .txt.
func labelsOf(image string) string {
	sep := string(filepath.Separator)
	path := sep + strings.TrimSuffix(image, filepath.Ext(image)) + ".txt" // a path may begin with the folder
	images := sep + "images" + sep
	if at := strings.LastIndex(path, images); at >= 0 {
		path = path[:at] + sep + "labels" + sep + path[at+len(images):]
	}
	return path[len(sep):]
}

// yoloObject is a line of a label file: a class from 0 and a box as fractions of the image size.
type yoloObject struct {
	class         int
	x, y          float64 // centre
	width, height float64
}

// box returns x, y, width, height in pixels of an image of w x h.
func (o *yoloObject) box(w, h float64) [4]float64 {
	return micro([4]float64{(o.x - o.width/2) * w, (o.y - o.height/2) * h, o.width * w, o.height * h})
}

// readLabels reads the objects of one image. A faulty line is reported and left out.
func (f *yoloFile) readLabels(path string) (objects []yoloObject, faults []error) {
	text, err := readText(path, maxAnnotationFile)
	if errors.Is(err, fs.ErrNotExist) {
		path = strings.TrimSuffix(path, ".txt") + ".TXT" // never read past: an image without labels is one without objects
		text, err = readText(path, maxAnnotationFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{fmt.Errorf("labels: %w", err)}
	}
	return f.parseLabels(text, path)
}

// parseLabels reads the text of a label file.
func (f *yoloFile) parseLabels(text []byte, path string) (objects []yoloObject, faults []error) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		fields := bytes.Fields(line)
		if len(fields) == 0 {
			continue
		}
		o, err := f.parseObject(fields)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: line %d: %w", path, n, err))
			continue
		}
		objects = append(objects, o)
	}
	return objects, faults
}

// parseObject reads the columns of a line.
func (f *yoloFile) parseObject(fields [][]byte) (o yoloObject, err error) {
	values := make([]float64, len(fields))
	for i, field := range fields {
		v, err := strconv.ParseFloat(string(field), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return o, fmt.Errorf("column %d: %.40q is not a finite number", i+1, field)
		}
		values[i] = v
	}
	class := values[0]
	if class != math.Trunc(class) || class < 0 || class >= float64(len(f.Names)) {
		return o, fmt.Errorf("column 1: class %v, the classes are 0 to %d", class, len(f.Names)-1)
	}
	o.class = int(class)
	columns := values[1:]
	switch n := len(columns); {
	case n == 4, f.keypoints > 0 && n == 4+f.keypoints:
		columns = columns[:4]
		o.x, o.y, o.width, o.height = columns[0], columns[1], columns[2], columns[3]
		if o.width < 0 || o.height < 0 {
			return o, fmt.Errorf("a box of %v by %v", o.width, o.height)
		}
	case n >= 6 && n%2 == 0:
		o.outline(columns)
	default:
		return o, fmt.Errorf("%d columns, want 5 (class, x, y, width, height) or a class and at least three points", len(fields))
	}
	for i, v := range columns {
		if v < -0.01 || v > 1.01 {
			return o, fmt.Errorf("column %d: %v is not a fraction of the image size, 0 to 1", i+2, v)
		}
	}
	return o, nil
}

// outline sets the box to the bounding box of points x1, y1, x2, y2, ...
func (o *yoloObject) outline(points []float64) {
	left, top, right, bottom := points[0], points[1], points[0], points[1]
	for i := 0; i < len(points); i += 2 {
		left, right = min(left, points[i]), max(right, points[i])
		top, bottom = min(top, points[i+1]), max(bottom, points[i+1])
	}
	o.x, o.y, o.width, o.height = (left+right)/2, (top+bottom)/2, right-left, bottom-top
}

// images lists the files of a split.
func (f *yoloFile) images(path, root, split string) (files []string, err error) {
	have := f.splits()
	if len(have) == 0 {
		return nil, fmt.Errorf("%s: names no images: want the key train, val or test", path)
	}
	if split == "" && len(have) == 1 {
		split = have[0]
	}
	if !slices.Contains(have, split) {
		return nil, fmt.Errorf("%s: unknown split %s, want one of %q", path, cut(split), have)
	}
	for i, entry := range f.sources(split) {
		at := f.resolve(root, entry)
		info, err := os.Stat(at)
		if err != nil {
			return nil, fmt.Errorf("%s: %s[%d]: %w", path, split, i, err)
		}
		var found []string
		if info.IsDir() {
			found, err = imaging.List(at)
		} else {
			found, err = listedImages(at, root)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s[%d]: %w", path, split, i, err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: %s: no images in %s", path, split, cutList(f.sources(split)))
	}
	return files, nil
}
