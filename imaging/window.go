package imaging

import (
	"cmp"
	"image"
	"slices"

	"scalenet/geom"
)

// window has consecutive rows of a picture.
type window struct {
	w, top, bottom int // rows top to bottom-1
	pix            []byte
}

// drop forgets the rows above top.
func (v *window) drop(top int) {
	if top <= v.top {
		return
	}
	n := copy(v.pix, v.pix[(min(top, v.bottom)-v.top)*v.w*3:])
	v.pix, v.top = v.pix[:n], min(top, v.bottom)
}

// add returns the memory of one more row.
func (v *window) add() []byte {
	n := len(v.pix)
	v.pix = slices.Grow(v.pix, v.w*3)[:n+v.w*3]
	v.bottom++
	return v.pix[n:]
}

// stream reads all rows and yields the parts until yield returns false.
func (s *Strips) stream(parts []image.Rectangle, yield func(Part) bool) error {
	stored := make([]image.Rectangle, len(parts))
	order := make([]int, len(parts))
	for i, r := range parts {
		order[i], stored[i] = i, storedPart(r, s.stored, s.orientation)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(stored[a].Max.Y, stored[b].Max.Y), cmp.Compare(stored[a].Min.X, stored[b].Min.X))
	})
	needed := make([]int, len(order)+1) // the first row that the i-th part and later ones need
	needed[len(order)] = s.stored.H
	for i := len(order) - 1; i >= 0; i-- {
		needed[i] = min(needed[i+1], stored[order[i]].Min.Y)
	}
	v := &window{w: s.stored.W}
	for i, at := range order {
		r := stored[at]
		v.drop(needed[i])
		if err := s.readTo(v, r.Max.Y, needed[i]); err != nil {
			return err
		}
		held := &Image{W: v.w, H: v.bottom - v.top, Pix: v.pix}
		if !yield(Part{at, held.crop(r.Sub(image.Pt(0, v.top))).oriented(s.orientation)}) {
			return nil
		}
	}
	if err := s.readTo(v, s.stored.H, s.stored.H); err != nil {
		return err
	}
	return s.rows.finish()
}

// readTo reads rows up to bottom. Rows above needed are not kept.
func (s *Strips) readTo(v *window, bottom, needed int) error {
	for v.bottom < bottom {
		if v.bottom < needed {
			v.drop(v.bottom)
		}
		row := v.add()
		if err := s.rows.next(row); err != nil {
			return err
		}
		s.reduced.add(row)
	}
	return nil
}

// storedPart returns where a part of an upright picture lies in a picture of the given size that is stored with orientation o.
func storedPart(r image.Rectangle, stored geom.Size, o int) image.Rectangle {
	if o >= 5 { // rows become columns
		r = image.Rect(r.Min.Y, r.Min.X, r.Max.Y, r.Max.X)
	}
	if o == 2 || o == 3 || o == 7 || o == 8 {
		r.Min.X, r.Max.X = stored.W-r.Max.X, stored.W-r.Min.X
	}
	if o == 3 || o == 4 || o == 6 || o == 7 {
		r.Min.Y, r.Max.Y = stored.H-r.Max.Y, stored.H-r.Min.Y
	}
	return r
}

// reduction computes a picture of means.
type reduction struct {
	factor, w, rows int // of the picture; rows are those since the last row of means
	sums            []int
	image           *Image
	done            int // rows of image
}

func newReduction(size geom.Size, factor int) *reduction {
	out := New((size.W+factor-1)/factor, (size.H+factor-1)/factor)
	return &reduction{factor: factor, w: size.W, sums: make([]int, out.W*3), image: out}
}

// add adds the next row.
func (d *reduction) add(row []byte) {
	if d == nil {
		return
	}
	for at := 0; len(row) > 0; at += 3 {
		n := min(3*d.factor, len(row))
		for i := 0; i < n; i += 3 {
			d.sums[at] += int(row[i])
			d.sums[at+1] += int(row[i+1])
			d.sums[at+2] += int(row[i+2])
		}
		row = row[n:]
	}
	d.rows++
	// The last row of means may have fewer rows, so each row writes it anew from the rows so far.
	if d.rows == d.factor || d.done == d.image.H-1 {
		d.write()
	}
	if d.rows == d.factor {
		clear(d.sums)
		d.rows, d.done = 0, d.done+1
	}
}

func (d *reduction) write() {
	to := d.image.Pix[d.done*d.image.W*3:]
	for x := range d.image.W {
		n := min(d.factor, d.w-x*d.factor) * d.rows
		for c := range 3 {
			to[3*x+c] = byte((d.sums[3*x+c] + n/2) / n)
		}
	}
}
