package coco

import "cmp"

// mask is what is read of a "segmentation".
type mask struct {
	kind    maskKind
	outline extent
	text    string // compressed RLE
	runs    runs   // uncompressed RLE; the memory is used again
	size    [2]float64
	wrong   error // why there is no box
	taken   bool  // as the box of the annotation
}

type maskKind int

const (
	noMask maskKind = iota
	polygonMask
	rleMask
)

func (m *mask) reset() { *m = mask{runs: m.runs[:0]} }

// box returns the bounding box of the mask.
func (m *mask) box() (box [4]float64, err error) {
	if m.wrong != nil {
		return box, m.wrong
	}
	m.taken = true
	if m.kind == polygonMask {
		if m.outline.points == 0 {
			return box, errNoPoints
		}
		return m.outline.box(), nil
	}
	if m.text != "" {
		if m.runs, err = m.runs.decompress(m.text); err != nil {
			return box, inField("counts", err)
		}
	}
	return m.runs.box(int64(m.size[1]), int64(m.size[0]))
}

// segmentation reads a list of polygons or an RLE, and counts it unless it is empty. What is wrong with it is a fault only if the
// box is missing.
func (r *instancesReader) segmentation() (err error) {
	c := r.peek()
	from := r.offset()
	switch c {
	case '[':
		r.mask.kind = polygonMask
		err = r.array(func(i int) error {
			if r.peek() != '[' { // some tools write one polygon without a list around it
				return r.coordinate(i)
			}
			return r.array(r.coordinate)
		})
		if r.mask.outline.points == 0 && r.mask.wrong == nil {
			r.mask.kind = noMask
		}
	case '{':
		r.mask.kind = rleMask
		err = r.rle()
	default:
		err = r.skip()
	}
	if r.offset()-from > int64(len("null")) {
		r.masks++
	}
	return err
}

// coordinate reads number i of a polygon: x and y in turn.
func (r *instancesReader) coordinate(i int) error {
	v, err := r.finite()
	if err != nil {
		if !isValueError(err) {
			return err
		}
		r.mask.wrong = cmp.Or(r.mask.wrong, err)
		return nil
	}
	if m := &r.mask; i%2 == 0 {
		m.size[0] = v // until y follows
	} else {
		m.outline.add(m.size[0], v)
	}
	return nil
}

// rle reads "counts", a text or a list of numbers, and "size", height and width.
func (r *instancesReader) rle() error {
	var counted, sized bool
	err := r.object(func(key []byte) (err error) {
		switch string(key) {
		case "size":
			sized = true
			return r.maskFault("size", r.numbers(r.mask.size[:]))
		case "counts":
			counted = true
			if r.peek() == '"' {
				r.mask.text, err = r.text()
				return r.maskFault("counts", err)
			}
			r.mask.runs = r.mask.runs[:0]
			return r.maskFault("counts", r.array(r.count))
		}
		return r.skip()
	})
	if r.mask.wrong == nil && !counted {
		r.mask.wrong = inField("counts", errMissing)
	}
	if r.mask.wrong == nil && !sized {
		r.mask.wrong = inField("size", errMissing)
	}
	return err
}

// count reads a run.
func (r *instancesReader) count(i int) error {
	v, err := r.number()
	if err == nil && !(v >= 0 && v <= 1<<31 && v == float64(uint32(v))) {
		err = wrongValue("%v is not a number of pixels", v)
	}
	if err != nil {
		return r.maskFault("counts", atIndex(i, err))
	}
	r.mask.runs = append(r.mask.runs, uint32(v))
	return nil
}

// maskFault notes the first error of a field of a mask, and returns errors behind which nothing can be read.
func (r *instancesReader) maskFault(field string, err error) error {
	switch {
	case err == nil:
		return nil
	case !isValueError(err):
		return err
	case r.mask.wrong == nil:
		r.mask.wrong = inField(field, err)
	}
	return nil
}
