// Package view draws contact sheets of data sets: a grid of images with their boxes, and a legend of the classes.
package view

import (
	"context"
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"path"
	"slices"

	"golang.org/x/sync/errgroup"

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

func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		field                   *int
		name                    string
		fallback, least, utmost int
	}{{&o.Rows, "rows", 3, 1, 100}, {&o.Columns, "columns", 4, 1, 100}, {&o.Width, "width", 400, 40, 4000}, {&o.Workers, "workers", 4, 1, 64}} {
		if *d.field == 0 {
			*d.field = d.fallback
		}
		if *d.field < d.least || *d.field > d.utmost {
			return o, fmt.Errorf("%s: %d, want %d to %d", d.name, *d.field, d.least, d.utmost)
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

// Sizes on a sheet in pixels.
const (
	margin  = 10
	letters = 13
	caption = 22 // height below an image
	legend  = 26 // height of a line
)

var (
	white = color.RGBA{255, 255, 255, 255}
	grey  = color.RGBA{225, 225, 225, 255}
	black = color.RGBA{20, 20, 20, 255}
)

// Page draws page n, from 0. For images that cannot be read, the error message is drawn. failed is their number, first the first error.
func (s *Sheets) Page(ctx context.Context, n int) (sheet *imaging.Image, failed int, first error, err error) {
	if n < 0 || n >= s.Len() {
		return nil, 0, nil, fmt.Errorf("page %d: only %d pages", n, s.Len())
	}
	perPage := s.opt.Rows * s.opt.Columns
	images := s.images[n*perPage : min((n+1)*perPage, len(s.images))]
	columns := min(s.opt.Columns, len(images))
	rows := (len(images) + columns - 1) / columns
	width, height := s.opt.Width, s.opt.Width*3/4
	key := s.legend(images)
	fullWidth := columns*(width+margin) + margin
	lines := key.lines(fullWidth - 2*margin)
	sheet = imaging.New(fullWidth, rows*(height+caption+margin)+margin+lines*legend)
	sheet.Fill(0, 0, sheet.W, sheet.H, white)

	errs := make([]error, len(images))
	var g errgroup.Group
	g.SetLimit(s.opt.Workers)
	for k, i := range images {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			x, y := margin+k%columns*(width+margin), margin+k/columns*(height+caption+margin)
			sheet.Fill(x, y, x+width, y+height, grey)
			image, err := s.image(i, width, height)
			if err != nil {
				errs[k] = err
				if _, err := sheet.Write(x+6, y+height/2, err.Error(), letters, width-12, black); err != nil {
					return err
				}
			} else {
				sheet.Paste(x+(width-image.W)/2, y+(height-image.H)/2, image)
			}
			_, err = sheet.Write(x, y+height+3, s.caption(i), letters, width, black)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, nil, err
	}
	if err := key.draw(sheet, margin, sheet.H-lines*legend-margin/2, fullWidth-2*margin); err != nil {
		return nil, 0, nil, err
	}
	for _, err := range errs {
		if err != nil {
			if failed++; first == nil {
				first = err
			}
		}
	}
	return sheet, failed, first, nil
}

// caption returns the text below an image.
func (s *Sheets) caption(i int) string {
	n := len(s.objects(i))
	what := "boxes"
	if n == 1 {
		what = "box"
	}
	return fmt.Sprintf("%d %s  %s", n, what, path.Base(s.data.Images[i].FileName))
}

// crowded is the number of boxes per image from which class labels are drawn only on boxes larger than the label.
const crowded = 5

// image reads image i, in at most w x h pixels, with its boxes.
func (s *Sheets) image(i, w, h int) (*imaging.Image, error) {
	full, err := imaging.Load(s.data.ImagePath(i), imaging.Limits{})
	if err != nil {
		return nil, err
	}
	scale := min(float64(w)/float64(full.W), float64(h)/float64(full.H))
	fit := func(side int) int { return max(1, int(math.Round(float64(side)*scale))) }
	image, err := full.Resize(fit(full.W), fit(full.H))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.data.ImagePath(i), err)
	}
	objects := slices.Clone(s.objects(i))
	area := func(at int32) float64 { return s.data.Annotations[at].Box[2] * s.data.Annotations[at].Box[3] }
	slices.SortStableFunc(objects, func(a, b int32) int { // small ones on top
		switch x, y := area(a), area(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	sx, sy := float32(image.W)/float32(full.W), float32(image.H)/float32(full.H)
	var drawn []imaging.Annotation
	for _, at := range objects {
		a := &s.data.Annotations[at]
		box := geom.Box{X1: float32(a.Box[0]), Y1: float32(a.Box[1]), X2: float32(a.Box[0] + a.Box[2]), Y2: float32(a.Box[1] + a.Box[3])}.Scale(sx, sy)
		text := name(s.data.Categories[a.Class-1])
		if a.Crowd {
			text += " (crowd)"
		}
		if wide := float32(len(text)) * letters * 0.55; len(objects) >= crowded && (box.X2-box.X1 < wide || box.Y2-box.Y1 < letters) {
			text = "" // the colour shows the class
		}
		drawn = append(drawn, imaging.Annotation{Box: box, Text: text, Class: a.Class})
	}
	return image, image.DrawSized(2, letters, drawn...)
}

func name(c coco.Category) string {
	if c.Name == "" {
		return fmt.Sprint(c.ID)
	}
	return c.Name
}
