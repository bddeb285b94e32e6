package coco

import (
	"errors"
	"fmt"
	"math"
)

// join takes what another entry of the same region has: a label, if this one has the shape, or the other way round.
func (g *studioRegion) join(other *studioRegion) {
	if g.label == "" {
		g.label, g.more = other.label, other.more
	}
	if !g.value.shaped() && other.value.shaped() {
		g.value, g.kind = other.value, other.kind
	}
	if g.width == 0 || g.height == 0 {
		g.width, g.height = other.width, other.height
	}
}

// shaped reports whether a value has a shape.
func (v *studioValue) shaped() bool { return len(v.has) > 0 || v.outline.points > 0 || v.hasBrush }

// region returns the object of a region, or nil if it is left out.
func (r *studioReader) region(g *studioRegion, place string) (*recordObject, error) {
	box, changed, err := g.box()
	if err != nil {
		return nil, err
	}
	if changed != "" {
		r.change(changed, "%s: %s", r.path, place)
	}
	if box == nil {
		return nil, nil
	}
	if g.label == "" {
		r.change("region without a label, left out", "%s: %s", r.path, place)
		return nil, nil
	}
	if g.more > 0 {
		r.change("region with several labels, the first is taken", "%s: %s: %d more", r.path, place, g.more)
	}
	if g.turned {
		r.change("image rotated in Label Studio, box read as it is", "%s: %s", r.path, place)
	}
	if err := r.known(g.label); err != nil {
		return nil, inField("value.labels", err)
	}
	return &recordObject{class: g.label, box: *box}, nil
}

// box returns the box of a region in pixels, nil if it has none, and how it differs from the shape.
func (g *studioRegion) box() (box *[4]float64, changed string, err error) {
	v := &g.value
	w, h := float64(g.width)/100, float64(g.height)/100
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := v.has[name]; !ok && err == nil {
				err = inField("value."+name, errMissing)
			}
		}
		if err == nil && w == 0 {
			err = inField("original_width", errMissing)
		}
		if err == nil && h == 0 {
			err = inField("original_height", errMissing)
		}
		return err == nil
	}
	var b [4]float64
	switch {
	case v.hasBrush:
		if !has() {
			return nil, "", err
		}
		e, err := brushExtent(v.brush, g.width, g.height)
		if err != nil {
			return nil, "", inField("value.rle", err)
		}
		if e.points == 0 {
			return nil, changedEmpty, nil
		}
		b, changed = e.box(), changedMask
	case v.outline.points > 0 && (g.kind == "polygon" || g.kind == "polygonlabels" || g.kind == "labels"):
		if !has() {
			return nil, "", err
		}
		o := v.outline
		b = micro([4]float64{o.left * w, o.top * h, (o.right - o.left) * w, (o.bottom - o.top) * h})
		changed = changedPolygon
	case len(v.has) > 0 && (g.kind == "ellipse" || g.kind == "ellipselabels" || g.kind == "labels" && v.isEllipse()):
		if !has("x", "y", "radiusX", "radiusY") {
			return nil, "", err
		}
		b = ellipseBox(v.has["x"]*w, v.has["y"]*h, v.has["radiusX"]*w, v.has["radiusY"]*h, v.has["rotation"])
		changed = changedEllipse
	case g.kind == "rectangle" || g.kind == "rectanglelabels" || g.kind == "labels" && len(v.has) > 0:
		if !has("x", "y", "width", "height") {
			return nil, "", err
		}
		x, y, turn := v.has["x"]*w, v.has["y"]*h, v.has["rotation"]
		b = turnedBox([4]float64{x, y, v.has["width"] * w, v.has["height"] * h}, x, y, turn) // about its upper left corner
		if turn != 0 {
			changed = changedRotated
		}
	default: // keypoints, choices, texts, relations, regions of videos
		return nil, fmt.Sprintf("result of type %s, left out", cut(g.kind)), nil
	}
	if !finiteBox(b) || b[2] < 0 || b[3] < 0 {
		return nil, "", inField("value", fmt.Errorf("a box of %v", b))
	}
	return &b, changed, nil
}

func (v *studioValue) isEllipse() bool { _, ok := v.has["radiusX"]; return ok }

// brushExtent returns the extent of a brush mask in pixels: those of an RGBA image whose alpha is not 0, in the format of the
// package @thi.ng/rle-pack, which Label Studio uses.
func brushExtent(data []byte, w, h int) (e extent, err error) {
	bits := bitReader{data: data}
	n := int64(bits.read(32))
	if n != 4*int64(w)*int64(h) {
		return e, fmt.Errorf("%d values, want 4 for each of %d x %d pixels", n, w, h)
	}
	word := bits.read(5) + 1
	var sizes [4]uint64
	for i := range sizes {
		sizes[i] = bits.read(4) + 1
	}
	width := int64(w)
	pixels := func(from, to int64) { // values from..to are set: those of alpha are 3, 7, ...
		from, to = from/4, (to+4)/4 // pixels with alpha in it
		first, last := from, to-1
		left, right := first%width, last%width
		if first/width < last/width {
			left, right = 0, width-1
		}
		e.add(float64(left), float64(first/width))
		e.add(float64(right+1), float64(last/width+1))
	}
	for i := int64(0); i < n; {
		repeat := bits.read(1) == 1
		end := min(i+1+int64(bits.read(int(sizes[bits.read(2)]))), n)
		if repeat {
			v := bits.read(int(word))
			first, last := i+(3-i%4), end-1-(end%4) // the first and last value of alpha
			if v != 0 && first <= last {
				pixels(first, last)
			}
			i = end
		}
		for ; i < end; i++ {
			if v := bits.read(int(word)); v != 0 && i%4 == 3 {
				pixels(i, i)
			}
		}
		if bits.short {
			return e, errors.New("the list ends inside a run")
		}
	}
	return e, nil
}

// bitReader reads bits, the highest of a byte first.
type bitReader struct {
	data  []byte
	at    int  // bits read
	short bool // there were not enough
}

func (b *bitReader) read(n int) (v uint64) {
	for range n {
		if b.at>>3 >= len(b.data) {
			b.short = true
			return math.MaxUint8
		}
		v = v<<1 | uint64(b.data[b.at>>3]>>(7-b.at&7)&1)
		b.at++
	}
	return v
}
