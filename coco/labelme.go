package coco

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// labelMeFile is the JSON file that LabelMe writes for an image.
type labelMeFile struct {
	image         string // imagePath, relative to the file
	width, height int
	objects       []labelMeObject
	changes       Remarks
	faults        []error
	err           error // nothing could be read
}

// labelMeObject is an object of one or, with a group, several shapes.
type labelMeObject struct {
	recordObject
	shape int // index in the list
	group float64
}

// noGroup is the group of a shape without one.
var noGroup = math.NaN()

// readLabelMe reads the file of an image.
func readLabelMe(path string, names int) *labelMeFile {
	m := &labelMeFile{changes: Remarks{Keep: names}}
	f, err := os.Open(path)
	if err != nil {
		m.err = fmt.Errorf("annotation: %w", err)
		return m
	}
	defer f.Close()
	size := int64(0)
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	m.read(f, size, path)
	return m
}

// read reads a document of about size bytes.
func (m *labelMeFile) read(src io.Reader, size int64, path string) {
	r := labelMeReader{scanner: newScanner(src, size), path: path, labelMeFile: m}
	if err := r.document(); err != nil {
		m.err = fmt.Errorf("%s: %w", path, err)
	}
}

// labelMeReader reads a file. What is wrong with a field is a fault, and the shape is left out.
type labelMeReader struct {
	*scanner
	*labelMeFile
	path string
}

// shapeLabelMe is a shape as it is in the file.
type shapeLabelMe struct {
	label, kind string
	points      extent
	first, last [2]float64
	group       float64
	flags       map[string]bool
	hasPoints   bool
}

func (r *labelMeReader) document() error {
	if err := r.begin(); err != nil {
		return err
	}
	shapes := false
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "imagePath":
			if !r.null() {
				r.image, err = r.text()
			}
			return r.wrong("imagePath", err)
		case "imageWidth":
			r.width, err = r.pixels()
			return r.wrong("imageWidth", err)
		case "imageHeight":
			r.height, err = r.pixels()
			return r.wrong("imageHeight", err)
		case "shapes":
			shapes = true
			err = r.array(func(i int) error {
				if err := r.shape(i); err != nil {
					return r.wrong(fmt.Sprintf("shapes[%d]", i), err)
				}
				return nil
			})
			return r.wrong("shapes", err)
		}
		return r.skip()
	})
	if err == nil {
		err = r.done()
	}
	if err == nil && !shapes {
		err = inField("shapes", errMissing)
	}
	return err
}

// wrong notes an error behind which reading can go on; others it returns.
func (r *labelMeReader) wrong(field string, err error) error {
	if err == nil || !isValueError(err) {
		return err
	}
	r.faults = append(r.faults, fmt.Errorf("%s: %w", r.path, inField(field, err)))
	return nil
}

// shape reads entry i of the list and adds its object.
func (r *labelMeReader) shape(i int) error {
	s := shapeLabelMe{kind: "polygon", group: noGroup}
	err := r.objectToEnd(func(key []byte) (err error) {
		switch name := string(key); name {
		case "label":
			s.label, err = r.text()
		case "shape_type":
			if !r.null() {
				s.kind, err = r.text()
			}
		case "group_id":
			if !r.null() {
				s.group, err = r.finite()
			}
		case "points":
			s.hasPoints = true
			err = r.arrayToEnd(func(int) error { return r.point(&s) })
		case "flags":
			err = r.flags(&s)
		case "difficult": // of X-AnyLabeling
			err = r.setFlag(&s, name)
		default:
			return r.skip()
		}
		return inField(string(key), err)
	})
	switch {
	case err != nil && !isValueError(err):
		return err
	case err != nil:
	case s.label == "":
		err = inField("label", errMissing)
	case !s.hasPoints:
		err = inField("points", errMissing)
	default:
		err = r.addShape(i, &s)
	}
	if err != nil {
		r.faults = append(r.faults, fmt.Errorf("%s: shapes%w", r.path, atIndex(i, err)))
	}
	return nil
}

// point reads x and y.
func (r *labelMeReader) point(s *shapeLabelMe) error {
	var p [2]float64
	if err := r.numbers(p[:]); err != nil {
		return err
	}
	if s.points.points == 0 {
		s.first = p
	}
	s.last = p
	s.points.add(p[0], p[1])
	return nil
}

// flags reads the flags of a shape: names with true or false.
func (r *labelMeReader) flags(s *shapeLabelMe) error {
	if r.peek() != '{' {
		return r.skip()
	}
	return r.object(func(key []byte) error { return r.setFlag(s, string(key)) })
}

func (r *labelMeReader) setFlag(s *shapeLabelMe, name string) error {
	switch name {
	case "difficult", "truncated", "iscrowd", "ignore":
		if s.flags == nil {
			s.flags = make(map[string]bool)
		}
		if r.peek() == 't' && r.literal("true") {
			s.flags[name] = true
			return nil
		}
	}
	return r.skip()
}

// addShape adds the object of shape i. Shapes of one label and one group are one object, as in LabelMe's own conversion.
func (r *labelMeReader) addShape(i int, s *shapeLabelMe) error {
	box, err := r.box(i, s)
	if err != nil || box == nil {
		return err
	}
	if !finiteBox(*box) {
		return inField("points", fmt.Errorf("a box of %v", *box))
	}
	for k := range r.objects {
		if o := &r.objects[k]; o.group == s.group && o.class == s.label {
			r.changes.Add("shapes of one group_id, joined", "%s: shapes[%d]: group_id %v", r.path, i, s.group)
			o.box = joinBoxes(o.box, *box)
			return nil
		}
	}
	r.objects = append(r.objects, labelMeObject{recordObject{class: s.label, box: *box, crowd: s.flags["iscrowd"], ignore: s.flags["ignore"],
		difficult: s.flags["difficult"], truncated: s.flags["truncated"]}, i, s.group})
	return nil
}

// box returns the box of a shape, or nil if it is left out.
func (r *labelMeReader) box(i int, s *shapeLabelMe) (*[4]float64, error) {
	n, box := s.points.points, s.points.box()
	at := func() string { return fmt.Sprintf("%s: shapes[%d]", r.path, i) }
	want := func(least int) error {
		if n >= least {
			return nil
		}
		return inField("points", fmt.Errorf("%d points, a %s has at least %d", n, s.kind, least))
	}
	switch s.kind {
	case "rectangle":
		return &box, want(2)
	case "polygon":
		if err := want(3); err != nil {
			return nil, err
		}
		r.changes.Add(changedPolygon, "%s", at())
		return &box, nil
	case "mask": // the corners of its first and last pixel
		r.changes.Add(changedMask, "%s", at())
		box[2]++
		box[3]++
		return &box, want(2)
	case "rotation": // of X-AnyLabeling: four corners
		r.changes.Add(changedRotated, "%s", at())
		return &box, want(3)
	case "circle": // centre and a point on it
		radius := math.Hypot(s.last[0]-s.first[0], s.last[1]-s.first[1])
		box = ellipseBox(s.first[0], s.first[1], radius, radius, 0)
		r.changes.Add(changedEllipse, "%s", at())
		return &box, want(2)
	case "point", "points", "line", "linestrip":
		r.changes.Add(s.kind+", left out", "%s", at())
		return nil, nil
	}
	return nil, inField("shape_type", fmt.Errorf("%s is unknown", cut(s.kind)))
}

// labelMe are the LabelMe files of a folder with their images.
type labelMe struct {
	pairs   []filePair
	alone   []string
	unclear []error
	files   map[string]*labelMeFile
}

// matchLabelMe reads the files and finds their images: imagePath, or else the image of the same name.
func (f *folder) matchLabelMe(names int) *labelMe {
	m := &labelMe{files: make(map[string]*labelMeFile, len(f.labelMe))}
	read := make([]*labelMeFile, len(f.labelMe))
	parallel(len(read), func(_ *struct{}, i int) { read[i] = readLabelMe(f.path(f.labelMe[i]), names) })
	images := make(map[string]bool, len(f.images))
	for _, image := range f.images {
		images[image] = true
	}
	var rest []string
	owner := make(map[string]string)
	for i, file := range f.labelMe {
		m.files[file] = read[i]
		image := ""
		for _, name := range spellings(read[i].image) {
			if name = filepath.Join(filepath.Dir(file), name); image == "" && images[name] {
				image = name
			}
		}
		switch {
		case image == "":
			rest = append(rest, file)
		case owner[image] != "":
			m.unclear = append(m.unclear, fmt.Errorf("%s: imagePath: %s is the image of %s already", f.path(file), cut(read[i].image), cut(owner[image])))
		default:
			owner[image] = file
			m.pairs = append(m.pairs, filePair{file, []string{image}})
		}
	}
	var free []string
	for _, image := range f.images {
		if owner[image] == "" {
			free = append(free, image)
		}
	}
	byName := matchFiles(free, rest)
	for _, err := range byName.unclear {
		m.unclear = append(m.unclear, fmt.Errorf("%s: %w", f.dir, err))
	}
	m.pairs, m.alone = append(m.pairs, byName.pairs...), byName.alone
	sortPairs(m.pairs)
	return m
}

// readLabelMe reads the images of a split. Images without a file are left out.
func (f *folder) readLabelMe(opt Options) (*Dataset, error) {
	m := f.matchLabelMe(opt.Names)
	for _, err := range m.unclear {
		if err := opt.fault(err); err != nil {
			return nil, err
		}
	}
	for _, file := range m.alone {
		if !inSplit(file, opt.Split) {
			continue
		}
		err := m.files[file].err
		if err == nil {
			err = fmt.Errorf("%s: imagePath: %w at %s, and none of the file's name", f.path(file), ErrNoImage, cut(m.files[file].image))
		}
		if err := opt.fault(err); err != nil {
			return nil, err
		}
	}
	r := newRecords(f.dir, newImageFinder(f.dir, f.images), opt)
	annotated := make(map[string]bool)
	for _, p := range m.pairs {
		for _, image := range p.images {
			annotated[image] = true
		}
		r.passed = !inSplit(p.images[0], opt.Split)
		if splitOf(p.images[0]) == "" {
			r.passed = !inSplit(p.annotation, opt.Split)
		}
		if err := r.addLabelMe(f.path(p.annotation), p.images[0], m.files[p.annotation]); err != nil {
			return nil, err
		}
		if !r.passed {
			r.data.annotationFiles = append(r.data.annotationFiles, f.path(p.annotation))
		}
	}
	for _, image := range f.images {
		if !annotated[image] && inSplit(image, opt.Split) {
			opt.unannotated(fmt.Errorf("%s: no annotation file of this name", f.path(image)))
		}
	}
	return r.finish(), nil
}

// addLabelMe adds what was read of a file.
func (r *records) addLabelMe(path, image string, m *labelMeFile) error {
	faults := m.faults
	if m.err != nil {
		return r.fault(m.err)
	}
	var objects []recordObject
	for i := range m.objects {
		o := &m.objects[i]
		if err := r.known(o.class); err != nil {
			faults = append(faults, fmt.Errorf("%s: shapes[%d].label: %w", path, o.shape, err))
			continue
		}
		objects = append(objects, o.recordObject)
	}
	for _, err := range faults {
		if err := r.fault(err); err != nil {
			return err
		}
	}
	if r.passed {
		return nil
	}
	if m.width == 0 || m.height == 0 {
		r.opt.unsized(fmt.Errorf("%s: imageWidth and imageHeight: %dx%d pixels, so that of the image is taken", path, m.width, m.height))
	}
	r.data.Changes.Merge(m.changes.Kinds())
	r.addObjects(r.addImage(image, m.width, m.height), objects)
	return nil
}
