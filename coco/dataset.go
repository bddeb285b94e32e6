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

// Dataset is a set of images with boxes. Images keep the order of the file; Categories stand in class order: class c of a
// model (1..K, 0 is background) is Categories[c-1].
type Dataset struct {
	Path        string // the file or folder it was read from, for messages
	ImagesDir   string // folder that the file names of Images are relative to
	Images      []Image
	Categories  []Category
	Annotations []Annotation
	Masks       int // annotations with a "segmentation", which is not read

	byImage   []int32 // annotation indices, grouped by image, in file order
	imageFrom []int32 // byImage[imageFrom[i]:imageFrom[i+1]] belongs to image i

	leftImages, leftAnnotations leftOut // entries of the file that are not here, for messages
}

// Image is one image. Width and Height are as annotated, in pixels; 0 if the file does not say.
type Image struct {
	ID            int64
	FileName      string
	Width, Height int
}

// Category is a class of objects under the id that annotations and results use.
type Category struct {
	ID   int64
	Name string
}

// Annotation is one object.
type Annotation struct {
	ID        int64
	Image     int        // index into Dataset.Images
	Class     int        // 1-based: Dataset.Categories[Class-1]
	Box       [4]float64 // x, y, width, height in pixels of the original image
	Area      float64    // decides small, medium, large; of the mask where there is one, else width*height
	Crowd     bool
	Ignore    bool // the file's "ignore": no error to find it and none to miss it; unlike a crowd it is found once
	Difficult bool // Pascal VOC's flags; kept, and otherwise treated like any object
	Truncated bool
}

// Empty tells whether the box has no area. Such boxes stay in the data set, where they count as objects nobody can find (as in
// pycocotools); training leaves them out.
func (a *Annotation) Empty() bool { return a.Box[2] <= 0 || a.Box[3] <= 0 }

// Ignored tells whether the object counts neither as found nor as missed: a crowd, or one that the file says to ignore. It is no
// example to train on, and what lies on it is no background.
func (a *Annotation) Ignored() bool { return a.Crowd || a.Ignore }

// ClassNames are the names of classes 1..K.
func (d *Dataset) ClassNames() []string {
	names := make([]string, len(d.Categories))
	for i, c := range d.Categories {
		names[i] = c.Name
	}
	return names
}

// ImagePath is where the image of image i lies.
func (d *Dataset) ImagePath(i int) string {
	name := filepath.FromSlash(d.Images[i].FileName)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.ImagesDir, name)
}

// ImagePlace is the index that image i has in the file, which has the entries, too, that were left out.
func (d *Dataset) ImagePlace(i int) int { return d.leftImages.place(i) }

// AnnotationPlace is the index that annotation i has in the file.
func (d *Dataset) AnnotationPlace(i int) int { return d.leftAnnotations.place(i) }

// Objects are the indices of image i's annotations, in file order. The slice belongs to the data set.
func (d *Dataset) Objects(i int) []int32 { return d.byImage[d.imageFrom[i]:d.imageFrom[i+1]] }

// EmptyBoxes counts the annotations whose box has no area.
func (d *Dataset) EmptyBoxes() int {
	n := 0
	for i := range d.Annotations {
		if d.Annotations[i].Empty() {
			n++
		}
	}
	return n
}

// CheckImages reports the first image that is not on disk as an error, with the number of all that are not.
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

// Missing says that the image of image i is not there.
func (d *Dataset) Missing(i int) string {
	if d.Images[i].FileName == "" {
		return fmt.Sprintf("images[%d].file_name: missing", d.ImagePlace(i))
	}
	return fmt.Sprintf("images[%d].file_name: no image at %.200s", d.ImagePlace(i), d.ImagePath(i))
}

// index groups the annotations by image; every reader ends with it.
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

// useClasses puts the categories in the order of names, so that class numbers are those of a given model. A name the data set
// lacks becomes a category without objects; an object of a class that names lacks is an error.
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

// Renamed is the data set with other file names. Images whose new name is empty are left out with their annotations.
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

// NumberByName gives every image the number that its file is named by as its id, as COCO's images have: 139 for
// "val2017/000000000139.jpg". Names that are no numbers, or the same number twice, are errors.
func (d *Dataset) NumberByName() error {
	first := make(map[int64]int, len(d.Images))
	for i := range d.Images {
		name := stem(filepath.FromSlash(d.Images[i].FileName))
		id, err := strconv.ParseUint(name, 10, 63)
		if err != nil {
			return fmt.Errorf("%s: images[%d].file_name: %s is no number", d.Path, i, cut(d.Images[i].FileName))
		}
		if other, ok := first[int64(id)]; ok {
			return fmt.Errorf("%s: images[%d].file_name: %s and %s of images[%d] are the same number", d.Path, i, cut(d.Images[i].FileName), cut(d.Images[other].FileName), other)
		}
		first[int64(id)] = i
		d.Images[i].ID = int64(id)
	}
	return nil
}
