package coco

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// ReadCOCO reads an instances file ("images", "categories", "annotations") of COCO. imagesDir is the folder of its pictures;
// "" takes the folder "images" beside the file, or the file's own folder where there is none. Class numbers follow the category
// ids upwards. Without "area" it is width*height, without "iscrowd" the object is no crowd. Masks and everything else are skipped.
//
// Unknown and duplicate ids, boxes that are not four finite numbers, and broken JSON are errors that name the file, the index
// and the field, or the byte.
func ReadCOCO(path, imagesDir string) (*Dataset, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	if imagesDir == "" {
		imagesDir = filepath.Dir(path)
		if sub := filepath.Join(imagesDir, "images"); isDir(sub) {
			imagesDir = sub
		}
	}
	d, err := readInstances(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.Path, d.ImagesDir = path, imagesDir
	return d, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// instancesReader holds what is known while the sections of a file, in any order, go by.
type instancesReader struct {
	*scanner
	data Dataset
	refs []annotationRef // of each annotation, until ids can be looked up
}

type annotationRef struct{ image, category int64 }

// readInstances reads a document of about size bytes.
func readInstances(src io.Reader, size int64) (*Dataset, error) {
	r := &instancesReader{scanner: newScanner(src, size)}
	var seen [3]bool
	sections := [...]struct {
		name string
		item func() error
	}{{"images", r.image}, {"categories", r.category}, {"annotations", r.annotation}}
	err := r.object(func(key []byte) error {
		for i, sec := range sections {
			if string(key) != sec.name {
				continue
			}
			if seen[i] {
				return fmt.Errorf("%s: the list is there twice", sec.name)
			}
			seen[i] = true
			return r.section(sec.name, sec.item)
		}
		return r.skip()
	})
	if err == nil {
		err = r.done()
	}
	if err != nil {
		return nil, err
	}
	for i, ok := range seen {
		if !ok {
			return nil, fmt.Errorf("%s: the list is missing, this is no COCO instances file", sections[i].name)
		}
	}
	if err := r.resolve(); err != nil {
		return nil, err
	}
	return &r.data, nil
}

func (r *instancesReader) section(name string, item func() error) error {
	return r.array(func(i int) error {
		if err := item(); err != nil {
			return fmt.Errorf("%s%w", name, atIndex(i, err))
		}
		return nil
	})
}

// fieldError names the field that an error is about.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.field + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

func inField(field string, err error) error {
	if err == nil {
		return nil
	}
	return &fieldError{field, err}
}

var errMissing = errors.New("missing")

func (r *instancesReader) image() error {
	var img Image
	var hasID bool
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			hasID = true
			img.ID, err = r.integer()
			return inField("id", err)
		case "file_name":
			img.FileName, err = r.text()
			return inField("file_name", err)
		case "width":
			img.Width, err = r.side()
			return inField("width", err)
		case "height":
			img.Height, err = r.side()
			return inField("height", err)
		}
		return r.skip()
	})
	if err == nil && !hasID {
		err = inField("id", errMissing)
	}
	r.data.Images = append(r.data.Images, img)
	return err
}

// side reads a width or height.
func (r *instancesReader) side() (int, error) {
	v, err := r.integer()
	if err == nil && (v < 0 || v > math.MaxInt32) {
		err = fmt.Errorf("%d pixels", v)
	}
	return int(v), err
}

func (r *instancesReader) category() error {
	var c Category
	var hasID bool
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			hasID = true
			c.ID, err = r.integer()
			return inField("id", err)
		case "name":
			c.Name, err = r.text()
			return inField("name", err)
		}
		return r.skip()
	})
	if err == nil && !hasID {
		err = inField("id", errMissing)
	}
	r.data.Categories = append(r.data.Categories, c)
	return err
}

func (r *instancesReader) annotation() error {
	var a Annotation
	var ref annotationRef
	var hasID, hasImage, hasCategory, hasBox, hasArea bool
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			hasID = true
			a.ID, err = r.integer()
			return inField("id", err)
		case "image_id":
			hasImage = true
			ref.image, err = r.integer()
			return inField("image_id", err)
		case "category_id":
			hasCategory = true
			ref.category, err = r.integer()
			return inField("category_id", err)
		case "bbox":
			hasBox = true
			return inField("bbox", r.numbers(a.Box[:]))
		case "area":
			hasArea = true
			a.Area, err = r.finite()
			return inField("area", err)
		case "iscrowd":
			a.Crowd, err = r.flag()
			return inField("iscrowd", err)
		}
		return r.skip()
	})
	switch {
	case err != nil:
	case !hasID:
		err = inField("id", errMissing)
	case !hasImage:
		err = inField("image_id", errMissing)
	case !hasCategory:
		err = inField("category_id", errMissing)
	case !hasBox:
		err = inField("bbox", errMissing)
	case !hasArea:
		a.Area = a.Box[2] * a.Box[3]
	}
	r.data.Annotations = append(r.data.Annotations, a)
	r.refs = append(r.refs, ref)
	return err
}

// resolve checks the ids and turns those of the annotations into indices.
func (r *instancesReader) resolve() error {
	d := &r.data
	slices.SortStableFunc(d.Categories, func(a, b Category) int { return cmp.Compare(a.ID, b.ID) })
	images, err := uniqueIDs("images", len(d.Images), func(i int) int64 { return d.Images[i].ID })
	if err != nil {
		return err
	}
	categories, err := uniqueIDs("categories", len(d.Categories), func(i int) int64 { return d.Categories[i].ID })
	if err != nil {
		return err
	}
	names := make(map[string]int64, len(d.Categories))
	for _, c := range d.Categories {
		if other, ok := names[c.Name]; ok && c.Name != "" {
			return fmt.Errorf("categories: ids %d and %d have the same name %q", other, c.ID, c.Name)
		}
		names[c.Name] = c.ID
	}
	if _, err := uniqueIDs("annotations", len(d.Annotations), func(i int) int64 { return d.Annotations[i].ID }); err != nil {
		return err
	}
	for i, ref := range r.refs {
		img, ok := images[ref.image]
		if !ok {
			return fmt.Errorf("annotations[%d].image_id: no image has the id %d", i, ref.image)
		}
		class, ok := categories[ref.category]
		if !ok {
			return fmt.Errorf("annotations[%d].category_id: no category has the id %d", i, ref.category)
		}
		d.Annotations[i].Image, d.Annotations[i].Class = int(img), int(class)+1
	}
	d.index()
	return nil
}

// uniqueIDs maps the ids of a list of n to their indices.
func uniqueIDs(list string, n int, id func(i int) int64) (map[int64]int32, error) {
	at := make(map[int64]int32, n)
	for i := range n {
		if first, ok := at[id(i)]; ok {
			if list == "categories" { // sorted by then: the index would mislead
				return nil, fmt.Errorf("%s: the id %d is there twice", list, id(i))
			}
			return nil, fmt.Errorf("%s[%d].id: %d is the id of %s[%d] already", list, i, id(i), list, first)
		}
		at[id(i)] = int32(i)
	}
	return at, nil
}
