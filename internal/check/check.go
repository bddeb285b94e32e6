// Package check finds errors in a data set before training does.
//
// Errors are faults that would stop training: an entry that cannot be read, an image that is missing, corrupt, of an unknown
// format, too large, or not of the annotated size. All other faults are warnings: training runs, possibly to a worse result.
package check

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"scalenet/coco"
	"scalenet/imaging"
)

// Options of a Checker.
type Options struct {
	Limits           imaging.Limits // of image files; default those of training
	Keep             int            // number of texts to keep per kind of error or warning; below 0: all
	Workers          int            // images checked in parallel; default GOMAXPROCS
	Shorter, Longest int            // min_size and max_size of the model input in pixels; default 600/1000
	Progress         func(done int) // called with the number of images done; may be nil
}

// Checker collects the errors and warnings of one or several parts of a data set.
type Checker struct {
	opt              Options
	errors, warnings coco.Remarks
	parts            []Part
	classes          []*Class
	byName           map[string]*Class
	sides            sides
	listed           map[string]place // by path
	content          map[[sha256.Size]byte]place

	mu   sync.Mutex
	done int
}

// place is an image in a part.
type place struct {
	part string
	name string // of the file
}

// New returns a checker.
func New(o Options) *Checker {
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Shorter < 1 || o.Longest < o.Shorter {
		o.Shorter, o.Longest = 600, 1000
	}
	return &Checker{opt: o, errors: coco.Remarks{Keep: o.Keep}, warnings: coco.Remarks{Keep: o.Keep},
		byName: make(map[string]*Class), listed: make(map[string]place), content: make(map[[sha256.Size]byte]place)}
}

// Fault adds an error that coco.Open returned or passed to Options.Report.
func (c *Checker) Fault(err error) {
	c.errors.Add(faultKind(err), "%s", err)
}

// Unsized adds a warning that coco.Open passed to Options.Unsized.
func (c *Checker) Unsized(err error) {
	c.warnings.Add("size not annotated", "%s", err)
}

// Unannotated adds a warning that coco.Open passed to Options.Unannotated.
func (c *Checker) Unannotated(err error) {
	c.warnings.Add("image not annotated, left out", "%s", err)
}

func faultKind(err error) string {
	switch {
	case errors.Is(err, coco.ErrDuplicateID):
		return "duplicate id"
	case errors.Is(err, coco.ErrNoImage):
		return "missing image"
	case errors.Is(err, imaging.ErrCorrupt):
		return "corrupt image"
	case errors.Is(err, imaging.ErrUnsupported):
		return "image of an unknown format"
	case errors.Is(err, imaging.ErrTooLarge):
		return "image too large"
	}
	return "unreadable entry"
}

// Check checks a data set. name is the name of its split.
func (c *Checker) Check(ctx context.Context, name string, d *coco.Dataset) error {
	if len(d.Images) == 0 {
		c.Fault(fmt.Errorf("%s: no images", d.Path))
	}
	seen, err := c.look(ctx, d)
	if err != nil {
		return err
	}
	c.warnings.Merge(d.Changes.Kinds())
	part := Part{Name: name, Path: d.Path, Images: len(d.Images)}
	for i := range d.Images {
		c.image(name, d, i, &seen[i])
		if len(d.Objects(i)) == 0 {
			part.Empty++
		}
		c.boxes(d, i, &seen[i])
	}
	c.count(name, d, &part)
	c.parts = append(c.parts, part)
	return nil
}

// look decodes all images in parallel.
func (c *Checker) look(ctx context.Context, d *coco.Dataset) ([]seenImage, error) {
	seen := make([]seenImage, len(d.Images))
	var g errgroup.Group
	g.SetLimit(c.opt.Workers)
	for i := range d.Images {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			seen[i] = lookAt(d.ImagePath(i), c.opt.Limits)
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.done++; c.opt.Progress != nil {
				c.opt.Progress(c.done)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return seen, ctx.Err()
}

// image adds the errors and warnings of an image file.
func (c *Checker) image(part string, d *coco.Dataset, i int, s *seenImage) {
	img := d.Images[i]
	where := fmt.Sprintf("%s: images[%d]", d.Path, d.ImagePlace(i))
	if img.FileName == "" {
		c.errors.Add("missing image", "%s: %s", d.Path, d.Missing(i))
		return
	}
	path := filepath.Clean(d.ImagePath(i))
	if first, ok := c.listed[path]; ok {
		c.warnings.Add("image listed twice", "%s: %s is listed %s already", where, path, first.in(part))
		return // the error has been added
	}
	c.listed[path] = place{part, img.FileName}
	switch {
	case errors.Is(s.err, fs.ErrNotExist):
		c.errors.Add("missing image", "%s: %s", d.Path, d.Missing(i))
		return
	case s.err != nil:
		c.errors.Add(faultKind(s.err), "%s: %s", where, s.err)
		return
	}
	if img.Width > 0 && img.Height > 0 && (img.Width != s.size.W || img.Height != s.size.H) {
		if s.rotated && img.Width == s.size.H && img.Height == s.size.W {
			c.errors.Add("image turned by EXIF, its annotation is not", "%s: %s is %dx%d when upright, its annotation says %dx%d, as it is stored",
				where, path, s.size.W, s.size.H, img.Width, img.Height)
		} else {
			c.errors.Add("size differs from the annotation", "%s: %s has %dx%d pixels, its annotation says %dx%d",
				where, path, s.size.W, s.size.H, img.Width, img.Height)
		}
	}
	first, ok := c.content[s.hash]
	if !ok {
		c.content[s.hash] = place{part, img.FileName}
		return
	}
	kind := "identical images"
	if first.part != part {
		kind = "image in two splits"
	}
	c.warnings.Add(kind, "%s: %s is the same image as %s %s", where, img.FileName, first.name, first.in(part))
}

// in describes a place, relative to a part.
func (p place) in(part string) string {
	if p.part == part || p.part == "" {
		return "there"
	}
	return "in " + p.part
}

// object has the fields in which duplicate annotations of an image agree.
type object struct {
	box   [4]float64
	class int
	crowd bool
}

// boxes adds the errors and warnings of the boxes of an image.
func (c *Checker) boxes(d *coco.Dataset, i int, s *seenImage) {
	img := d.Images[i]
	w, h := float64(img.Width), float64(img.Height)
	if s.err == nil {
		w, h = float64(s.size.W), float64(s.size.H)
	}
	first := make(map[object]int) // annotation
	for _, index := range d.Objects(i) {
		a, at := &d.Annotations[index], d.AnnotationPlace(int(index))
		b := a.Box
		where := fmt.Sprintf("%s: %.200s: annotations[%d].bbox", d.Path, img.FileName, at)
		switch {
		case a.Empty():
			c.warnings.Add("zero-area box", "%s: %v", where, b)
		case w <= 0 || h <= 0: // the size of the image is unknown
		case b[0] >= w || b[1] >= h || b[0]+b[2] <= 0 || b[1]+b[3] <= 0:
			c.warnings.Add("box outside the image", "%s: %v in %vx%v pixels", where, b, w, h)
		case b[0] < -1 || b[1] < -1 || b[0]+b[2] > w+1 || b[1]+b[3] > h+1:
			c.warnings.Add("box reaches out of the image by more than a pixel", "%s: %v in %vx%v pixels", where, b, w, h)
		}
		same := object{b, a.Class, a.Crowd}
		if other, ok := first[same]; ok {
			c.warnings.Add("duplicate box", "%s: %v is annotations[%d] already", where, b, other)
		} else {
			first[same] = at
		}
		if !a.Empty() && !a.Crowd {
			c.sides.add(b[2], b[3], w, h, c.opt.Shorter, c.opt.Longest)
		}
	}
}

// count adds the objects of a part to the table of classes.
func (c *Checker) count(name string, d *coco.Dataset, part *Part) {
	rows := make([]*Class, len(d.Categories)+1)
	for i, k := range d.Categories {
		rows[i+1] = c.class(k)
	}
	for i := range d.Images {
		has := make(map[*Class]bool)
		for _, at := range d.Objects(i) {
			a := &d.Annotations[at]
			row := rows[a.Class]
			row.Objects++
			row.Parts[name]++
			part.Boxes++
			if a.Crowd {
				row.Crowds++
				part.Crowds++
			}
			has[row] = true
		}
		for row := range has {
			row.Images++
		}
	}
}

// class returns the row of a category. Parts share rows by name.
func (c *Checker) class(k coco.Category) *Class {
	name := k.Name
	if name == "" {
		name = fmt.Sprint(k.ID)
	}
	row := c.byName[name]
	if row == nil {
		row = &Class{Name: name, Parts: make(map[string]int)}
		c.classes, c.byName[name] = append(c.classes, row), row
	}
	return row
}

// Report returns the results so far.
func (c *Checker) Report() *Report {
	r := &Report{Parts: append([]Part{}, c.parts...), Classes: []Class{}, Errors: []coco.RemarkKind{}, Warnings: []coco.RemarkKind{}, Sides: c.sides.quantiles(c.opt.Shorter, c.opt.Longest), sides: c.sides}
	warnings := c.warnings
	warnings.Keep = c.opt.Keep
	for _, k := range c.classes {
		r.Classes = append(r.Classes, *k)
		if k.Objects == 0 {
			warnings.Add("class without objects", "%s", k.Name)
		}
	}
	if len(c.parts) > 0 && c.sides.count() == 0 {
		warnings.Add("no box to train on", "every box is a crowd or has no area")
	}
	slices.SortStableFunc(r.Classes, func(a, b Class) int { return cmp.Compare(b.Objects, a.Objects) })
	r.Errors = append(r.Errors, c.errors.Kinds()...)
	r.Warnings = append(r.Warnings, warnings.Kinds()...)
	return r
}
