// Package view draws contact sheets of data sets: a grid of images with their boxes, and a legend of the classes.
package view

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"

	"scalenet/coco"
	"scalenet/geom"
	"scalenet/imaging"
)

// Options of contact sheets.
type Options struct {
	Rows, Columns int    // grid of a sheet; default 3x4
	Width         int    // width of an image in pixels; default 400. The height is at most three quarters of it
	Class         string // draw only boxes of this class, and only images that have any; "" draws all
	AnnotatedOnly bool   // skip images without boxes
	Seed          uint64 // random seed of the choice of images; 0 takes images in the order of the data set
	Workers       int    // images read in parallel; default 4
}

// Limit is the default of a number in Options, and the least and the greatest value.
type Limit struct{ Default, Least, Most int }

// The limits of the numbers in Options.
var (
	Rows    = Limit{3, 1, 100}
	Columns = Limit{4, 1, 100}
	Width   = Limit{400, 40, 4000}
	workers = Limit{4, 1, 64}
)

// Check returns an error that calls the value by the given name, if it is out of the limits.
func (l Limit) Check(name string, value int) error {
	if value < l.Least || value > l.Most {
		return fmt.Errorf("%s %d: want %d to %d", name, value, l.Least, l.Most)
	}
	return nil
}

func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		field *int
		name  string
		limit Limit
	}{{&o.Rows, "rows", Rows}, {&o.Columns, "columns", Columns}, {&o.Width, "width", Width}, {&o.Workers, "workers", workers}} {
		if *d.field == 0 {
			*d.field = d.limit.Default
		}
		if err := d.limit.Check(d.name, *d.field); err != nil {
			return o, err
		}
	}
	if pixels := o.Rows * o.Columns * o.Width * o.Width; pixels > 200_000_000 {
		return o, fmt.Errorf("%d rows of %d images of %d pixels: too large a sheet", o.Rows, o.Columns, o.Width)
	}
	return o, nil
}

// Sheets are the pages of a contact sheet.
type Sheets struct {
	opt    Options
	data   *coco.Dataset
	class  int   // 0: all
	images []int // in the order in which they are shown
}

// New chooses the images and returns their sheets.
func New(d *coco.Dataset, o Options) (*Sheets, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Sheets{opt: o, data: d}
	if o.Class != "" {
		s.class = slices.Index(d.ClassNames(), o.Class) + 1
		if s.class == 0 {
			return nil, fmt.Errorf("unknown class %q, want one of %q", o.Class, d.ClassNames())
		}
	}
	for i := range d.Images {
		if (s.class == 0 && !o.AnnotatedOnly) || len(s.objects(i)) > 0 {
			s.images = append(s.images, i)
		}
	}
	if len(s.images) == 0 {
		return nil, fmt.Errorf("%s: none of its %d images has such a box", d.Path, len(d.Images))
	}
	if o.Seed != 0 {
		rand.New(rand.NewPCG(o.Seed, 0)).Shuffle(len(s.images), func(i, j int) { s.images[i], s.images[j] = s.images[j], s.images[i] })
	}
	return s, nil
}

// objects returns the annotations of image i that are drawn.
func (s *Sheets) objects(i int) []int32 {
	if s.class == 0 {
		return s.data.Objects(i)
	}
	return slices.DeleteFunc(slices.Clone(s.data.Objects(i)), func(at int32) bool { return s.data.Annotations[at].Class != s.class })
}

// Len returns the number of pages.
func (s *Sheets) Len() int {
	n := s.opt.Rows * s.opt.Columns
	return (len(s.images) + n - 1) / n
}

// Page draws page n, from 0. For images that cannot be read, the error message is drawn. failed is their number, first the first error.
func (s *Sheets) Page(ctx context.Context, n int) (sheet *imaging.Image, failed int, first error, err error) {
	if n < 0 || n >= s.Len() {
		return nil, 0, nil, fmt.Errorf("page %d: only %d pages", n, s.Len())
	}
	perPage := s.opt.Rows * s.opt.Columns
	images := s.images[n*perPage : min((n+1)*perPage, len(s.images))]
	var pictures []picture
	for _, i := range images {
		pictures = append(pictures, picture{func(w, h int) (*imaging.Image, error) { return s.image(i, w, h) }, s.caption(i)})
	}
	return s.opt.page(ctx, pictures, s.legend(images))
}

// caption returns the text below an image.
func (s *Sheets) caption(i int) string { return caption(len(s.objects(i)), s.data.Images[i].FileName) }

func caption(boxes int, file string) string {
	what := "boxes"
	if boxes == 1 {
		what = "box"
	}
	return fmt.Sprintf("%d %s  %s", boxes, what, path.Base(file))
}

// image reads image i, in at most w x h pixels, with its boxes.
func (s *Sheets) image(i, w, h int) (*imaging.Image, error) {
	full, err := imaging.Load(s.data.ImagePath(i), imaging.Limits{})
	if err != nil {
		return nil, err
	}
	var objects []object
	for _, at := range s.objects(i) {
		a := &s.data.Annotations[at]
		o := object{box: geom.Box{X1: float32(a.Box[0]), Y1: float32(a.Box[1]), X2: float32(a.Box[0] + a.Box[2]), Y2: float32(a.Box[1] + a.Box[3])},
			class: a.Class, name: name(s.data.Categories[a.Class-1])}
		if a.Crowd {
			o.name += " (crowd)"
		}
		objects = append(objects, o)
	}
	image, err := drawn(full, w, h, objects)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.data.ImagePath(i), err)
	}
	return image, nil
}

func name(c coco.Category) string {
	if c.Name == "" {
		return fmt.Sprint(c.ID)
	}
	return c.Name
}
