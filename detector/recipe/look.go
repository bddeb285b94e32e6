package recipe

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"scalenet/coco"
	"scalenet/geom"
	"scalenet/imaging"
)

// Look is what a recipe has to know about the training data.
type Look struct {
	Images, Objects, Classes int
	// Sides of the images: medians in pixels.
	Shorter, Longer int
	// Aspect is the 95 % quantile of the longer side divided by the shorter side.
	Aspect float64
	// Crowded is the largest number of objects in an image.
	Crowded int
	// shapes are the objects that are trained on.
	shapes []shape
	names  []string    // of the classes
	sizes  []geom.Size // of the images
}

// shape is an object: its box in pixels of an image with the given size.
type shape struct {
	class int // from 1
	box   geom.Box
	image geom.Size
}

// LookAt reads the sizes of the images and the boxes of the objects that are trained
// on. Crowds and boxes without area are left out. Sizes that are not annotated are read from the files.
func LookAt(d *coco.Dataset) (Look, error) {
	l := Look{Images: len(d.Images), Classes: len(d.Categories), names: d.ClassNames()}
	for i, image := range d.Images {
		size := geom.Size{W: image.Width, H: image.Height}
		if size.W < 1 || size.H < 1 {
			var err error
			if size, err = imaging.Size(d.ImagePath(i), imaging.Limits{}); err != nil {
				return l, fmt.Errorf("%s: images[%d]: %w", d.Path, d.ImagePlace(i), err)
			}
		}
		l.sizes = append(l.sizes, size)
		objects := 0
		for _, at := range d.Objects(i) {
			a := &d.Annotations[at]
			if a.Empty() || a.Ignored() {
				continue
			}
			objects++
			l.shapes = append(l.shapes, shape{a.Class, geom.Box{X1: float32(a.Box[0]), Y1: float32(a.Box[1]), X2: float32(a.Box[0] + a.Box[2]), Y2: float32(a.Box[1] + a.Box[3])}, size})
		}
		l.Crowded = max(l.Crowded, objects)
	}
	l.Objects = len(l.shapes)
	if l.Objects == 0 {
		return l, fmt.Errorf("%s: has no object to train on in its %d images", d.Path, l.Images)
	}
	l.Shorter = int(quantile(l.sizes, 0.5, func(s geom.Size) float64 { return float64(min(s.W, s.H)) }))
	l.Longer = int(quantile(l.sizes, 0.5, func(s geom.Size) float64 { return float64(max(s.W, s.H)) }))
	l.Aspect = quantile(l.sizes, 0.95, func(s geom.Size) float64 { return float64(max(s.W, s.H)) / float64(min(s.W, s.H)) })
	return l, nil
}

// String describes the data in one line.
func (l Look) String() string {
	return fmt.Sprintf("%d images of %d x %d pixels (median), %d objects of %d classes, at most %d in an image", l.Images, l.Longer, l.Shorter, l.Objects, l.Classes, l.Crowded)
}

// side returns the square root of the area.
func (s shape) side() float64 {
	return math.Sqrt(float64(s.box.X2-s.box.X1) * float64(s.box.Y2-s.box.Y1))
}

// relative returns the side of an object as a fraction of the shorter side of its image.
func (s shape) relative() float64 { return s.side() / float64(min(s.image.W, s.image.H)) }

// ratio returns height / width.
func (s shape) ratio() float64 {
	return float64(s.box.Y2-s.box.Y1) / float64(s.box.X2-s.box.X1)
}

// quantile returns the value below which a fraction q of the elements is.
func quantile[E any](list []E, q float64, value func(E) float64) float64 {
	values := make([]float64, len(list))
	for i, e := range list {
		values[i] = value(e)
	}
	slices.SortFunc(values, cmp.Compare)
	return values[int(q*float64(len(values)-1)+0.5)]
}

// ofClass returns the objects of each class that has at least few of them or half of all, by its number from 1; of all classes if there is none.
func (l Look) ofClass(few int) map[int][]shape {
	all, enough := map[int][]shape{}, map[int][]shape{}
	for _, s := range l.shapes {
		all[s.class] = append(all[s.class], s)
	}
	for class, list := range all {
		if len(list) >= few || 2*len(list) >= len(l.shapes) {
			enough[class] = list
		}
	}
	if len(enough) == 0 {
		return all
	}
	return enough
}
