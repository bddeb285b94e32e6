package coco

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"strings"

	"scalenet/imaging"
)

// studioReader reads the JSON export of Label Studio: a list of tasks, each with an image and annotations. It is read task by task.
type studioReader struct {
	*records
	*scanner
	path  string
	image struct{ named, like string } // data.image, or else the first text in data that has an image extension
	all   []studioAnnotation           // of the task
	data  bool
}

// studioAnnotation is an annotation of a task: the work of one person.
type studioAnnotation struct {
	index     int
	cancelled bool // skipped by the person
	truth     bool // marked as ground truth
	updated   string
	regions   []studioRegion
	faults    []error
}

// studioRegion is an entry of "result". Two entries with one id are one region: a shape, and its label.
type studioRegion struct {
	index         int
	id, kind      string
	width, height int // of the image
	turned        bool
	label         string
	more          int // labels behind the first
	value         studioValue
}

// studioValue is a shape. Numbers are percent of the image.
type studioValue struct {
	has      map[string]float64
	outline  extent
	brush    []byte
	hasBrush bool
}

// addStudio reads a file.
func (r *records) addStudio(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("annotations: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("annotations: %w", err)
	}
	return r.readStudio(f, info.Size(), path)
}

// readStudio reads a document of about size bytes.
func (r *records) readStudio(src io.Reader, size int64, path string) error {
	s := studioReader{records: r, scanner: newScanner(src, size), path: path}
	if err := s.begin(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := s.array(s.task); err != nil {
		return err
	}
	if err := s.done(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// task reads a task and adds its image.
func (r *studioReader) task(i int) error {
	r.image.named, r.image.like, r.all, r.data = "", "", r.all[:0], false
	annotated := false
	err := r.objectToEnd(func(key []byte) error {
		switch string(key) {
		case "data":
			r.data = true
			return inField("data", r.object(r.dataField))
		case "annotations", "completions": // the second is the former name
			annotated = true
			return inField("annotations", r.array(r.annotation))
		}
		return r.skip()
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", r.path, atIndex(i, err))
		if !isValueError(err) {
			return err
		}
		return r.fault(err)
	}
	name := r.image.named
	if name == "" {
		name = r.image.like
	}
	switch {
	case !r.data || !annotated:
		err = fmt.Errorf(`want "data" and "annotations" as in Label Studio's JSON export (not JSON-MIN)`)
	case name == "":
		err = inField("data.image", errMissing)
	}
	if err != nil {
		return r.fault(fmt.Errorf("%s: %w", r.path, atIndex(i, err)))
	}
	if name, err = addressedFile(name); err != nil {
		return r.fault(fmt.Errorf("%s: [%d].data.image: %w", r.path, i, err))
	}
	a := r.choose(i)
	if a == nil {
		return nil
	}
	for _, err := range a.faults {
		if err := r.fault(fmt.Errorf("%s: [%d].annotations%w", r.path, i, atIndex(a.index, err))); err != nil {
			return err
		}
	}
	rec := record{name: name, place: fmt.Sprintf("[%d].data.image", i)}
	for k := range a.regions {
		region := &a.regions[k]
		place := fmt.Sprintf("[%d].annotations[%d].result[%d]", i, a.index, region.index)
		if region.width > 0 && region.height > 0 {
			rec.width, rec.height = region.width, region.height
		}
		o, err := r.region(region, place)
		if err := r.take(&rec, r.path, place, o, err); err != nil {
			return err
		}
	}
	return r.add(r.path, &rec)
}

// dataField notes the image of a task.
func (r *studioReader) dataField(key []byte) error {
	name := string(key)
	if r.peek() != '"' {
		return r.skip()
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	file := text
	if at := strings.IndexAny(file, "?#"); at >= 0 && !strings.Contains(file, "?d=") {
		file = file[:at]
	}
	switch {
	case name == "image":
		r.image.named = text
	case r.image.like == "" && imaging.IsImage(path.Base(file)):
		r.image.like = text
	}
	return nil
}

// choose returns the annotation of a task that counts: of those that were not skipped the one that is marked as ground truth, or
// else the one that was changed last. Without any, the image is not annotated, which is told.
func (r *studioReader) choose(i int) (best *studioAnnotation) {
	cancelled, others := 0, 0
	for k := range r.all {
		a := &r.all[k]
		switch {
		case a.cancelled:
			cancelled++
			continue
		case best != nil:
			others++
		}
		if best == nil || a.truth && !best.truth || a.truth == best.truth && a.updated >= best.updated {
			best = a
		}
	}
	if others > 0 {
		r.change("further annotation of a task, left out", "%s: [%d].annotations: %d besides [%d]", r.path, i, others, best.index)
	}
	switch {
	case best != nil:
	case r.passed:
	case cancelled > 0:
		r.opt.unannotated(fmt.Errorf("%s: [%d].annotations: the task was skipped", r.path, i))
	default:
		r.opt.unannotated(fmt.Errorf("%s: [%d].annotations: the task has none", r.path, i))
	}
	return best
}

// annotation reads annotation i of a task.
func (r *studioReader) annotation(i int) error {
	a := studioAnnotation{index: i}
	var created, updated string
	err := r.objectToEnd(func(key []byte) (err error) {
		switch string(key) {
		case "was_cancelled", "skipped":
			on, err := r.foreignFlag()
			a.cancelled = a.cancelled || on
			return err
		case "ground_truth":
			a.truth, err = r.foreignFlag()
			return err
		case "created_at":
			created, err = r.anyText()
			return err
		case "updated_at":
			updated, err = r.anyText()
			return err
		case "result":
			if r.null() {
				return nil
			}
			return inField("result", r.array(func(k int) error { return r.result(&a, k) }))
		}
		return r.skip()
	})
	if err != nil && !isValueError(err) {
		return atIndex(i, err)
	}
	if err != nil {
		a.faults = append(a.faults, err)
	}
	a.updated = cmp.Or(updated, created)
	r.all = append(r.all, a)
	return nil
}

// result reads entry k of the result of an annotation. A value of the wrong type is a fault of the annotation.
func (r *studioReader) result(a *studioAnnotation, k int) error {
	g := studioRegion{index: k}
	err := r.objectToEnd(func(key []byte) (err error) {
		name := string(key)
		switch name {
		case "id":
			g.id, err = r.anyText()
		case "type":
			g.kind, err = r.text()
		case "original_width":
			g.width, err = r.pixels()
		case "original_height":
			g.height, err = r.pixels()
		case "image_rotation":
			g.turned, err = r.foreignFlag()
		case "value":
			return underField(name, r.value(&g))
		default:
			return r.skip()
		}
		return inField(name, err)
	})
	if err != nil && !isValueError(err) {
		return err
	}
	if err != nil {
		a.faults = append(a.faults, underField(fmt.Sprintf("result[%d]", k), err))
		return nil
	}
	if g.id != "" {
		for i := range a.regions {
			if a.regions[i].id == g.id {
				a.regions[i].join(&g)
				return nil
			}
		}
	}
	a.regions = append(a.regions, g)
	return nil
}

// anyText reads a text, and anything else as none.
func (r *studioReader) anyText() (string, error) {
	if r.peek() != '"' {
		return "", r.skip()
	}
	return r.text()
}

// value reads the shape and the labels of a region.
func (r *studioReader) value(g *studioRegion) error {
	v := &g.value
	return r.objectToEnd(func(key []byte) (err error) {
		name := string(key)
		switch name {
		case "x", "y", "width", "height", "rotation", "radiusX", "radiusY":
			n, err := r.finite()
			if v.has == nil {
				v.has = make(map[string]float64, 5)
			}
			v.has[name] = n
			return inField(name, err)
		case "points":
			return inField(name, r.arrayToEnd(func(int) error {
				var p [2]float64
				err := r.numbers(p[:])
				v.outline.add(p[0], p[1])
				return err
			}))
		case "rle":
			v.hasBrush = true
			return inField(name, r.arrayToEnd(func(int) error {
				b, err := r.integer()
				if err == nil && (b < 0 || b > math.MaxUint8) {
					err = wrongValue("%d is not a byte", b)
				}
				v.brush = append(v.brush, byte(b))
				return err
			}))
		}
		if !strings.HasSuffix(name, "labels") || r.peek() != '[' {
			return r.skip()
		}
		return inField(name, r.arrayToEnd(func(int) error {
			text, err := r.text()
			if g.label == "" {
				g.label = text
			} else {
				g.more++
			}
			return err
		}))
	})
}
