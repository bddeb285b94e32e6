package coco

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Dataset is a set of images with ground-truth boxes. Images keep the order of the file. Class c of a model (1..K, 0 is
// background) is Categories[c-1].
type Dataset struct {
	Path        string // the file or folder it was read from, for messages
	ImagesDir   string // folder that the file names of Images are relative to
	Images      []Image
	Categories  []Category
	Annotations []Annotation
	Masks       int     // COCO: annotations with a "segmentation", of which nothing but a missing box is read
	Changes     Remarks // what the reader took for a box, or left out: polygons, masks, points, ...

	byImage   []int32 // annotation indices, grouped by image, in file order
	imageFrom []int32 // byImage[imageFrom[i]:imageFrom[i+1]] belongs to image i

	annotationFiles []string // of a folder, for Files

	leftImages, leftAnnotations leftOut // entries of the file that were skipped, for messages
}

// Image is one image. Width and Height are the annotated size in pixels, 0 if not annotated.
type Image struct {
	ID            int64
	FileName      string
	Width, Height int
}

// Category is a class of objects, with the id that annotations and results use.
type Category struct {
	ID   int64
	Name string
}

// Annotation is one ground-truth object.
type Annotation struct {
	ID        int64
	Image     int        // index into Dataset.Images
	Class     int        // 1-based: Dataset.Categories[Class-1]
	Box       [4]float64 // x, y, width, height in pixels of the original image
	Area      float64    // decides small, medium, large: the file's "area" (of the mask, in COCO), else width*height
	Crowd     bool
	Ignore    bool // the file's "ignore": neither found nor missed; unlike a crowd, it is matched at most once
	Difficult bool // Pascal VOC's flags; kept, but without effect
	Truncated bool
}

// Empty reports whether the box has zero area. As in pycocotools, such objects count in the evaluation and no detection can match
// them. Training skips them.
func (a *Annotation) Empty() bool { return a.Box[2] <= 0 || a.Box[3] <= 0 }

// Ignored reports whether the object is a crowd or has "ignore": 1. It counts neither as found nor as missed. In training it is
// neither a positive example nor background.
func (a *Annotation) Ignored() bool { return a.Crowd || a.Ignore }

// IgnoredInEvaluation reports whether the object counts neither as found nor as missed: it is Ignored, or its area is not in the
// range of all sizes, 0 to 1e10, as in pycocotools.
func (a *Annotation) IgnoredInEvaluation() bool {
	return a.Ignored() || !cocoAreas()[allAreas].holds(a.Area)
}

// ClassNames returns the names of classes 1..K.
func (d *Dataset) ClassNames() []string {
	names := make([]string, len(d.Categories))
	for i, c := range d.Categories {
		names[i] = c.Name
	}
	return names
}

// UniqueNames returns a different name for each category: its own, or its id if the name is empty or that of several. Where the
// id is a name, too, "id " is put before it.
func UniqueNames(categories []Category) []string {
	count := map[string]int{"": 2}
	for _, c := range categories {
		count[c.Name]++
	}
	names := make([]string, len(categories))
	for i, c := range categories {
		if names[i] = c.Name; count[c.Name] > 1 {
			names[i] = strconv.FormatInt(c.ID, 10)
			for count[names[i]] > 0 {
				names[i] = "id " + names[i]
			}
		}
	}
	return names
}

// ImagePath returns the path of the file of image i.
func (d *Dataset) ImagePath(i int) string {
	name := filepath.FromSlash(d.Images[i].FileName)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.ImagesDir, name)
}

// ImagePlace returns the index of image i in the file, where skipped entries count.
func (d *Dataset) ImagePlace(i int) int { return d.leftImages.place(i) }

// AnnotationPlace returns the index of annotation i in the file, where skipped entries count.
func (d *Dataset) AnnotationPlace(i int) int { return d.leftAnnotations.place(i) }

// Objects returns the indices of image i's annotations, in file order. The slice must not be modified.
func (d *Dataset) Objects(i int) []int32 { return d.byImage[d.imageFrom[i]:d.imageFrom[i+1]] }

// EmptyBoxes counts the annotations with zero-area boxes.
func (d *Dataset) EmptyBoxes() int {
	n := 0
	for i := range d.Annotations {
		if d.Annotations[i].Empty() {
			n++
		}
	}
	return n
}

// CheckImages returns an error with the first missing image file and the number of missing files.
func (d *Dataset) CheckImages() error {
	missing, first := 0, ""
	for i := range d.Images {
		path := d.ImagePath(i)
		info, err := os.Stat(path)
		switch {
		case d.Images[i].FileName == "" || errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("%s: images[%d].file_name: %.300s", d.Path, d.ImagePlace(i), err.Error())
		case info.Mode().IsRegular():
			continue
		}
		if missing++; first == "" {
			first = d.Missing(i)
		}
	}
	switch missing {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s: %s", d.Path, first)
	}
	return fmt.Errorf("%s: %s (and %d more)", d.Path, first, missing-1)
}

// Missing returns the error for a missing file of image i.
func (d *Dataset) Missing(i int) string {
	if d.Images[i].FileName == "" {
		return fmt.Sprintf("images[%d].file_name: missing", d.ImagePlace(i))
	}
	return fmt.Sprintf("images[%d].file_name: no image at %.200s", d.ImagePlace(i), d.ImagePath(i))
}

// index groups the annotations by image. Every reader calls it at the end.
func (d *Dataset) index() {
	from := make([]int32, len(d.Images)+1)
	for i := range d.Annotations {
		from[d.Annotations[i].Image+1]++
	}
	for i := range d.Images {
		from[i+1] += from[i]
	}
	d.byImage = make([]int32, len(d.Annotations))
	next := slices.Clone(from)
	for i := range d.Annotations {
		img := d.Annotations[i].Image
		d.byImage[next[img]] = int32(i)
		next[img]++
	}
	d.imageFrom = from
}

// useClasses puts the categories in the order of names, the classes of a model. A name without category becomes a category
// without objects. An object whose class is not in names is an error.
func (d *Dataset) useClasses(names []string) error {
	position := make(map[string]int, len(names)) // class number by name
	for i, name := range names {
		if position[name] != 0 {
			return fmt.Errorf("%s: class %s is listed twice", d.Path, cut(name))
		}
		position[name] = i + 1
	}
	categories := make([]Category, len(names))
	known := make([]bool, len(names))
	class := make([]int, len(d.Categories)+1)
	nextID := int64(1)
	for i, c := range d.Categories {
		nextID = max(nextID, c.ID+1)
		if p := position[c.Name]; p != 0 {
			categories[p-1], known[p-1], class[i+1] = c, true, p
		}
	}
	for i, name := range names {
		if !known[i] {
			categories[i] = Category{ID: nextID, Name: name}
			nextID++
		}
	}
	for i := range d.Annotations {
		a := &d.Annotations[i]
		c := class[a.Class]
		if c == 0 {
			return fmt.Errorf("%s: annotations[%d].category_id: unknown class %s, the classes are %s",
				d.Path, d.AnnotationPlace(i), cut(d.Categories[a.Class-1].Name), cutList(names))
		}
		a.Class = c
	}
	d.Categories = categories
	return nil
}

// Renamed returns the data set with new file names. Images whose new name is empty are left out, with their annotations.
func (d *Dataset) Renamed(names []string) *Dataset {
	side := make([]int, len(d.Images))
	for i, name := range names {
		if name == "" {
			side[i] = 1
		}
	}
	p := d.part(side, 0)
	kept := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" })
	for i := range p.Images {
		p.Images[i].FileName = kept[i]
	}
	return p
}

// NumberByName sets the id of every image to the number in its file name, as in COCO: 139 for "val2017/000000000139.jpg". A name
// that is not a number, and two names with the same number, are errors.
func (d *Dataset) NumberByName() error {
	first := make(map[int64]int, len(d.Images))
	for i := range d.Images {
		name := stem(filepath.FromSlash(d.Images[i].FileName))
		id, err := strconv.ParseUint(name, 10, 63)
		if err != nil {
			return fmt.Errorf("%s: images[%d].file_name: %s is not a number", d.Path, i, cut(d.Images[i].FileName))
		}
		if other, ok := first[int64(id)]; ok {
			return fmt.Errorf("%s: images[%d].file_name: %s and %s of images[%d] are the same number", d.Path, i, cut(d.Images[i].FileName), cut(d.Images[other].FileName), other)
		}
		first[int64(id)] = i
		d.Images[i].ID = int64(id)
	}
	return nil
}
