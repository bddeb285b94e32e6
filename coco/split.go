package coco

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"scalenet/internal/disjoint"
)

// Split splits the data set: the second part gets the given fraction of the
// images, the first part the rest. The split is stratified by class (iterative
// stratification, Sechidis et al. 2011, rarest class first). Images with identical
// files go to the same part, so that no validation image is also a training image,
// and so do the images of each list of indices in together, such as the near copies
// of package similar. Lists with an image in common are one.
// No part is empty. Each has objects if several groups do, even if that changes the
// proportions of their classes.
// Equal seeds give equal parts. Both parts keep ids, order and categories.
func (d *Dataset) Split(fraction float64, seed uint64, together ...[]int) (first, second *Dataset, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("%s: fraction %v: want a number between 0 and 1", d.Path, fraction)
	}
	if len(d.Images) < 2 {
		return nil, nil, fmt.Errorf("%s: %d images cannot be split", d.Path, len(d.Images))
	}
	s := newStratifier(d, fraction, rand.New(rand.NewPCG(seed, 0)))
	copies, err := d.copies(context.Background())
	if err != nil {
		return nil, nil, err
	}
	joined := disjoint.New(len(d.Images))
	for _, list := range slices.Concat(copies, together) {
		for _, i := range list {
			joined.Join(list[0], i)
		}
	}
	for _, list := range joined.Groups() {
		if len(list) == len(d.Images) {
			return nil, nil, fmt.Errorf("%s: all %d images are copies or near copies of each other and cannot be split", d.Path, len(d.Images))
		}
		for _, i := range list {
			s.copies[i] = list
		}
	}
	for {
		class := s.rarest()
		if class < 0 {
			break
		}
		for _, i := range s.left(class) {
			if s.side[i] < 0 { // not with a copy of it
				s.deal(i, class)
			}
		}
	}
	s.mend()
	return d.part(s.side, 0), d.part(s.side, 1), nil
}

// stratifier assigns images to the parts 0 and 1. Class 0 stands for the image
// itself, so that images without objects are assigned, too.
type stratifier struct {
	classes [][]int      // of each image, each class once
	found   []bool       // of each image: it has an object that can be found
	wanted  [2][]float64 // images of each class that a part still needs
	todo    []int        // images of each class not yet assigned
	side    []int        // part of each image; -1 not yet assigned
	order   []int        // in which images are assigned within a class
	copies  map[int][]int
}

func newStratifier(d *Dataset, fraction float64, random *rand.Rand) *stratifier {
	n := len(d.Images)
	s := &stratifier{classes: make([][]int, n), found: make([]bool, n), todo: make([]int, len(d.Categories)+1), side: make([]int, n), order: random.Perm(n), copies: make(map[int][]int)}
	for i := range n {
		s.side[i], s.found[i] = -1, d.hasObjects(i)
		has := make([]bool, len(s.todo))
		has[0] = true
		for _, a := range d.Objects(i) {
			has[d.Annotations[a].Class] = true
		}
		for class, yes := range has {
			if yes {
				s.classes[i] = append(s.classes[i], class)
				s.todo[class]++
			}
		}
	}
	for side, share := range []float64{1 - fraction, fraction} {
		s.wanted[side] = make([]float64, len(s.todo))
		for class, count := range s.todo {
			s.wanted[side][class] = share * float64(count)
		}
	}
	return s
}

// rarest returns the class with the fewest (at least one) unassigned images, or -1 at the end.
func (s *stratifier) rarest() int {
	best := -1
	for class := len(s.todo) - 1; class >= 0; class-- {
		if n := s.todo[class]; n > 0 && (best < 0 || n < s.todo[best]) {
			best = class
		}
	}
	return best
}

// left lists the unassigned images with a class.
func (s *stratifier) left(class int) (list []int) {
	for _, i := range s.order {
		if s.side[i] >= 0 {
			continue
		}
		for _, c := range s.classes[i] {
			if c == class {
				list = append(list, i)
			}
		}
	}
	return list
}

// deal assigns an image and its copies to the part that needs most images of the
// class, or if equal, most images.
func (s *stratifier) deal(image, class int) {
	side := 0
	a, b := s.wanted[0][class], s.wanted[1][class]
	if b > a || b == a && s.wanted[1][0] > s.wanted[0][0] {
		side = 1
	}
	s.put(image, side)
	for _, other := range s.copies[image] {
		if other != image {
			s.put(other, side)
		}
	}
}

func (s *stratifier) put(image, side int) {
	s.side[image] = side
	for _, c := range s.classes[image] {
		s.wanted[side][c]--
		s.todo[c]--
	}
}

// mend moves images to a part that is empty, or that has no object though the other
// has several images with objects. Dealing leaves such a part if every class, or
// every group of copies, has so few images that the other part needs them all.
func (s *stratifier) mend() {
	units := s.units()
	for _, to := range []int{1, 0} {
		for fill := !slices.Contains(s.side, to); ; {
			unit := s.movable(units, to, fill)
			if unit == nil {
				break
			}
			for _, i := range unit {
				s.move(i, to)
			}
		}
	}
}

// units lists the images that stay together, in the order in which they are assigned.
func (s *stratifier) units() (units [][]int) {
	for _, i := range s.order {
		if copies := s.copies[i]; len(copies) == 0 {
			units = append(units, []int{i})
		} else if copies[0] == i {
			units = append(units, copies)
		}
	}
	return units
}

// movable returns the unit of the other part that a part needs most, nil if it needs
// none. With fill, the part was empty and takes units until it has the wanted size.
// Units with objects come first, then those of the wanted size, then those without
// which no class is missing from the other part.
func (s *stratifier) movable(units [][]int, to int, fill bool) (best []int) {
	here, there := s.has(to), s.has(1-to)
	lacks := here.images[0] == 0 || here.found == 0 && there.found > 1
	if !lacks && !fill {
		return nil
	}
	need, least := s.wanted[to][0], [3]float64{}
	for _, unit := range units {
		if s.side[unit[0]] == to || len(unit) == there.images[0] {
			continue
		}
		found := 0
		for _, i := range unit {
			if s.found[i] {
				found++
			}
		}
		rank := [3]float64{0, math.Abs(need - float64(len(unit))), float64(s.lost(unit, there.images))}
		switch {
		case found > 0 && found == there.found: // the other part would have no object
			rank[0] = 2
		case found == 0 && here.found == 0 && there.found > 0:
			rank[0] = 1
		}
		if here.images[0] > 0 && rank[0] > 0 || !lacks && rank[1] >= math.Abs(need) {
			continue
		}
		if best == nil || slices.Compare(rank[:], least[:]) < 0 {
			best, least = unit, rank
		}
	}
	return best
}

// content is what a part has.
type content struct {
	images []int // of each class
	found  int   // images with an object that can be found
}

func (s *stratifier) has(side int) content {
	c := content{images: make([]int, len(s.todo))}
	for i, of := range s.side {
		if of != side {
			continue
		}
		for _, class := range s.classes[i] {
			c.images[class]++
		}
		if s.found[i] {
			c.found++
		}
	}
	return c
}

// lost counts the classes that are in no other image of a part. images is the number
// of its images by class.
func (s *stratifier) lost(unit, images []int) (n int) {
	for _, i := range unit {
		for _, class := range s.classes[i] {
			if images[class]--; images[class] == 0 {
				n++
			}
		}
	}
	for _, i := range unit {
		for _, class := range s.classes[i] {
			images[class]++
		}
	}
	return n
}

// move assigns an image to the other part.
func (s *stratifier) move(image, to int) {
	s.side[image] = to
	for _, class := range s.classes[image] {
		s.wanted[1-to][class]++
		s.wanted[to][class]--
	}
}

// Findable counts the images with an object that counts in an evaluation and that a
// detection can match. Without any, AP says nothing.
func (d *Dataset) Findable() (n int) {
	for i := range d.Images {
		if d.hasObjects(i) {
			n++
		}
	}
	return n
}

// part returns the data set of the images of one part.
func (d *Dataset) part(side []int, wanted int) *Dataset {
	p := &Dataset{Path: d.Path, ImagesDir: d.ImagesDir, Categories: d.Categories, annotationFiles: d.annotationFiles}
	for i, img := range d.Images {
		if side[i] != wanted {
			continue
		}
		for _, at := range d.Objects(i) {
			a := d.Annotations[at]
			a.Image = len(p.Images)
			p.Annotations = append(p.Annotations, a)
		}
		p.Images = append(p.Images, img)
	}
	p.index()
	return p
}
