package coco

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ReadCOCO reads an instances file ("images", "categories", "annotations") of COCO. imagesDir is the folder of its images;
// "" is the folder "images" next to the file or the folder of the file, where the first few images are. Classes are numbered by
// ascending category id. Defaults: "area" is width*height, "iscrowd" and "ignore" are 0, "bbox" is the bounding box of the
// "segmentation" (polygons or RLE). All other fields are skipped.
//
// For "width", "height", "file_name", "name", "area", "iscrowd" and fields that COCO does not define, null equals a missing field.
// Unknown and duplicate ids, boxes that are not four finite numbers, values of the wrong type, and invalid JSON are errors that
// name the file, the index and the field, or the byte.
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
	for _, told := range []*func(error){&opt.Report, &opt.Unsized} {
		if tell := *told; tell != nil {
			*told = func(err error) { tell(fmt.Errorf("%s: %w", path, err)) }
		}
	}
	d, err := readInstances(f, info.Size(), opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.Path, d.ImagesDir = path, opt.Images
	if d.ImagesDir == "" {
		d.ImagesDir = imagesNextTo(d)
	}
	return d, nil
}

// imagesNextTo returns the image folder of a file for which none is given.
func imagesNextTo(d *Dataset) string {
	dir := filepath.Dir(d.Path)
	images := filepath.Join(dir, "images")
	names := firstNames(d)
	if !isDir(images) || hasAny(dir, names) && !hasAny(images, names) {
		return dir
	}
	return images
}

// instancesReader is the state while the sections of a file are read, in any order.
type instancesReader struct {
	*scanner
	opt         Options
	images      pile[Image]
	categories  pile[Category]
	annotations pile[Annotation]
	refs        pile[annotationRef] // of each annotation, until ids can be looked up
	masks       int
	mask        mask    // of the annotation
	fromMasks   [2]int  // boxes that are missing and taken from a polygon, an RLE
	entry       int     // index in the list that is being read
	faults      []error // of the entry
	left        bool    // the entry is left out, unless a reader takes it

	lostImages, lostCategories, lostAnnotations lostIDs
}

// readInstances reads a document of about size bytes.
func readInstances(src io.Reader, size int64, opt Options) (*Dataset, error) {
	r := &instancesReader{scanner: newScanner(src, size), opt: opt}
	var seen [3]bool
	sections := [...]struct {
		name string
		item func() error
		lost *lostIDs
	}{{"images", r.image, &r.lostImages}, {"categories", r.category, &r.lostCategories}, {"annotations", r.annotation, &r.lostAnnotations}}
	if err := r.begin(); err != nil {
		return nil, err
	}
	err := r.object(func(key []byte) error {
		for i, sec := range sections {
			if string(key) != sec.name {
				continue
			}
			if seen[i] {
				return fmt.Errorf("%s: the list occurs twice", sec.name)
			}
			seen[i] = true
			return r.section(sec.name, sec.item, sec.lost)
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
			return nil, fmt.Errorf("%s: the list is missing, this is not a COCO instances file", sections[i].name)
		}
	}
	d := &Dataset{Images: r.images.join(), Categories: r.categories.join(), Annotations: r.annotations.join(), Masks: r.masks,
		leftImages: r.lostImages.places, leftAnnotations: r.lostAnnotations.places}
	d.Changes.AddCount("box missing, the bounding box of its polygon taken", r.fromMasks[0])
	d.Changes.AddCount("box missing, the bounding box of its mask (RLE) taken", r.fromMasks[1])
	t := idTables{d, r.refs.join(), &r.opt, &r.lostImages, &r.lostCategories}
	if opt.quirks {
		t.resolveQuirks()
	} else if err := t.resolve(); err != nil {
		return nil, err
	}
	d.index()
	return d, nil
}

// section reads a list. With Options.Report, faulty entries or fields are reported and left out. Otherwise the first fault is the error.
func (r *instancesReader) section(name string, item func() error, lost *lostIDs) error {
	err := r.array(func(i int) error {
		r.entry, r.faults, r.left = i, r.faults[:0], true
		if err := r.wrong("", item()); err != nil {
			return fmt.Errorf("%s%w", name, atIndex(i, err))
		}
		if r.left {
			lost.places = append(lost.places, i)
		}
		for _, err := range r.faults {
			if err := r.opt.fault(fmt.Errorf("%s%w", name, atIndex(i, err))); err != nil {
				return err
			}
		}
		return nil
	})
	if r.opt.Report != nil && isValueError(err) { // no list
		lost.all = true
		return r.opt.fault(inField(name, err))
	}
	return err
}

// wrong notes an error of a field, or of a whole entry, behind which reading can go on; others it returns.
func (r *instancesReader) wrong(field string, err error) error {
	if err == nil { // short, to be put in line: it is asked at every field
		return nil
	}
	return r.note(field, err)
}

func (r *instancesReader) note(field string, err error) error {
	if field != "" {
		err = inField(field, err)
	}
	if !isValueError(err) {
		return err
	}
	r.faults = append(r.faults, err)
	return nil
}

// missing notes that a required field of an entry is missing, unless the entry has another fault.
func (r *instancesReader) missing(field string) {
	if len(r.faults) == 0 {
		r.faults = append(r.faults, inField(field, errMissing))
	}
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

// underField names the field that has the field of an error.
func underField(field string, err error) error {
	if inner, ok := err.(*fieldError); ok {
		return &fieldError{field + "." + inner.field, inner.err}
	}
	return inField(field, err)
}

var errMissing = errors.New("missing")

func (r *instancesReader) image() error {
	var img Image
	var hasID, known, unnamed, hasSize bool
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			hasID = true
			img.ID, err = r.integer()
			known = err == nil
			return r.wrong("id", err)
		case "file_name":
			img.FileName, err = r.optionalText()
			unnamed = err != nil
			return r.wrong("file_name", err)
		case "width":
			hasSize = true
			img.Width, err = r.pixels()
			return r.wrong("width", err)
		case "height":
			hasSize = true
			img.Height, err = r.pixels()
			return r.wrong("height", err)
		}
		return r.skip()
	})
	if err != nil {
		return err
	}
	if !hasID {
		r.missing("id")
	}
	if hasSize && len(r.faults) == 0 && (img.Width == 0 || img.Height == 0) {
		r.opt.unsized(fmt.Errorf("images[%d]: %s has %dx%d pixels, so the size of the image is taken", r.entry, cut(img.FileName), img.Width, img.Height))
	}
	switch {
	case known && !unnamed:
		r.left = false
		r.images.add(img)
	case known:
		r.lostImages.add(img.ID)
	}
	return nil
}

// optionalText reads a string. null equals a missing field.
func (r *instancesReader) optionalText() (string, error) {
	if r.null() {
		return "", nil
	}
	return r.text()
}

func (r *instancesReader) category() error {
	var c Category
	var hasID, known bool
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			hasID = true
			c.ID, err = r.integer()
			known = err == nil
			return r.wrong("id", err)
		case "name":
			c.Name, err = r.optionalText()
			return r.wrong("name", err)
		}
		return r.skip()
	})
	if err != nil {
		return err
	}
	if !hasID {
		r.missing("id")
	}
	if known {
		r.left = false
		r.categories.add(c)
	}
	return nil
}

func (r *instancesReader) annotation() error {
	var a Annotation
	var ref annotationRef
	var hasID, hasImage, hasCategory, hasBox, hasArea bool
	r.mask.reset()
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "id":
			hasID = true
			a.ID, err = r.integer()
			return r.wrong("id", err)
		case "image_id":
			hasImage = true
			ref.image, err = r.integer()
			return r.wrong("image_id", err)
		case "category_id":
			hasCategory = true
			ref.category, err = r.integer()
			return r.wrong("category_id", err)
		case "bbox":
			hasBox = true
			return r.wrong("bbox", r.numbers(a.Box[:]))
		case "area":
			if hasArea = !r.null(); hasArea {
				a.Area, err = r.finite()
			}
			return r.wrong("area", err)
		case "iscrowd":
			if !r.null() {
				a.Crowd, err = r.flag()
			}
			return r.wrong("iscrowd", err)
		case "ignore":
			a.Ignore, err = r.foreignFlag()
			return err
		case "difficult":
			a.Difficult, err = r.foreignFlag()
			return err
		case "truncated":
			a.Truncated, err = r.foreignFlag()
			return err
		case "segmentation":
			return r.segmentation()
		}
		return r.skip()
	})
	if err != nil {
		return err
	}
	if !hasBox && r.mask.kind != noMask {
		hasBox = true
		if a.Box, err = r.mask.box(); err != nil {
			r.faults = append(r.faults, inField("segmentation", err))
		}
	}
	switch {
	case !hasID:
		r.missing("id")
	case !hasImage:
		r.missing("image_id")
	case !hasCategory:
		r.missing("category_id")
	case !hasBox:
		r.missing("bbox")
	}
	if len(r.faults) > 0 {
		return nil
	}
	if !hasArea {
		a.Area = a.Box[2] * a.Box[3]
	}
	if r.mask.taken {
		r.fromMasks[r.mask.kind-polygonMask]++
	}
	r.left = false
	r.annotations.add(a)
	r.refs.add(ref)
	return nil
}
