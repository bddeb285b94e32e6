package coco

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// ReadCOCO reads an instances file ("images", "categories", "annotations") of COCO. imagesDir is the folder of its pictures;
// "" takes the folder "images" beside the file, or the file's own folder where there is none. Class numbers follow the category
// ids upwards. Without "area" it is width*height, without "iscrowd" the object is no crowd, without "ignore" it counts. Masks and everything else are skipped.
//
// Unknown and duplicate ids, boxes that are not four finite numbers, and broken JSON are errors that name the file, the index
// and the field, or the byte.
func ReadCOCO(path, imagesDir string) (*Dataset, error) {
	return readCOCO(path, Options{Images: imagesDir})
}

func readCOCO(path string, opt Options) (*Dataset, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	imagesDir := opt.Images
	if imagesDir == "" {
		imagesDir = filepath.Dir(path)
		if sub := filepath.Join(imagesDir, "images"); isDir(sub) {
			imagesDir = sub
		}
	}
	if report := opt.Report; report != nil {
		opt.Report = func(err error) { report(fmt.Errorf("%s: %w", path, err)) }
	}
	d, err := readInstances(f, info.Size(), opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.Path, d.ImagesDir = path, imagesDir
	return d, nil
}

// instancesReader holds what is known while the sections of a file, in any order, go by.
type instancesReader struct {
	*scanner
	opt         Options
	images      pile[Image]
	categories  pile[Category]
	annotations pile[Annotation]
	refs        pile[annotationRef] // of each annotation, until ids can be looked up
	masks       int
}

// readInstances reads a document of about size bytes.
func readInstances(src io.Reader, size int64, opt Options) (*Dataset, error) {
	r := &instancesReader{scanner: newScanner(src, size), opt: opt}
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
	d := &Dataset{Images: r.images.join(), Categories: r.categories.join(), Annotations: r.annotations.join(), Masks: r.masks}
	t := idTables{d, r.refs.join(), &r.opt}
	if opt.quirks {
		t.resolveQuirks()
	} else if err := t.resolve(); err != nil {
		return nil, err
	}
	d.index()
	return d, nil
}

func (r *instancesReader) section(name string, item func() error) error {
	return r.array(func(i int) error {
		err := item()
		if err == nil {
			return nil
		}
		whole := errors.Is(err, errMissing) // the entry was read to its end: it can be left out
		err = fmt.Errorf("%s%w", name, atIndex(i, err))
		if whole {
			return r.opt.fault(err)
		}
		return err
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
	if err == nil {
		r.images.add(img)
	}
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
	if err == nil {
		r.categories.add(c)
	}
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
		case "ignore":
			a.Ignore, err = r.foreignFlag()
			return inField("ignore", err)
		case "difficult":
			a.Difficult, err = r.foreignFlag()
			return inField("difficult", err)
		case "truncated":
			a.Truncated, err = r.foreignFlag()
			return inField("truncated", err)
		case "segmentation":
			return r.mask()
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
	if err == nil {
		r.annotations.add(a)
		r.refs.add(ref)
	}
	return err
}

// foreignFlag reads a field that COCO does not define: true or a number other than 0 sets it, anything else is skipped.
func (r *instancesReader) foreignFlag() (bool, error) {
	switch c := r.peek(); {
	case c == 't' || c == 'f':
		return r.flag()
	case c < '0' || c > '9':
		return false, r.skip()
	}
	v, err := r.number()
	return v != 0, err
}

// mask skips a segmentation and counts it if there is anything in it.
func (r *instancesReader) mask() error {
	r.peek()
	from := r.offset()
	err := r.skip()
	if r.offset()-from > int64(len("null")) {
		r.masks++
	}
	return err
}
