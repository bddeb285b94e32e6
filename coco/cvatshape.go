package coco

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// attr returns an attribute of the element as it is, "" if it has none.
func (s *cvatShape) attr(name string) string {
	for _, a := range s.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// numbers returns finite numbers from attributes. Those whose name ends in a question mark may be missing, and are 0 then.
func (s *cvatShape) numbers(names ...string) ([]float64, error) {
	values := make([]float64, len(names))
	for i, name := range names {
		name, optional := strings.CutSuffix(name, "?")
		text := strings.TrimSpace(s.attr(name))
		if text == "" && optional {
			continue
		}
		if text == "" {
			return nil, inField(name, errMissing)
		}
		v, err := finiteNumber(text)
		if err != nil {
			return nil, inField(name, err)
		}
		values[i] = v
	}
	return values, nil
}

// finiteNumber reads a number from text.
func finiteNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s is not a finite number", cut(text))
	}
	return v, nil
}

// box returns the box of a shape, nil if it has none, and how it differs from the shape.
func (s *cvatShape) box() (box *[4]float64, changed string, err error) {
	var b [4]float64
	switch kind := s.XMLName.Local; kind {
	case "box":
		v, err := s.numbers("xtl", "ytl", "xbr", "ybr", "rotation?")
		switch {
		case err != nil:
			return nil, "", err
		case v[2] < v[0]:
			return nil, "", inField("xbr", fmt.Errorf("%v is left of xtl %v", v[2], v[0]))
		case v[3] < v[1]:
			return nil, "", inField("ybr", fmt.Errorf("%v is above ytl %v", v[3], v[1]))
		case v[4] != 0:
			changed = changedRotated
		}
		b = turnedBox([4]float64{v[0], v[1], v[2] - v[0], v[3] - v[1]}, (v[0]+v[2])/2, (v[1]+v[3])/2, v[4])
	case "ellipse":
		v, err := s.numbers("cx", "cy", "rx", "ry", "rotation?")
		if err != nil {
			return nil, "", err
		}
		b, changed = ellipseBox(v[0], v[1], v[2], v[3], v[4]), changedEllipse
	case "mask":
		if b, err = s.mask(); err != nil {
			return nil, "", err
		}
		if changed = changedMask; b[2] == 0 {
			return nil, changedEmpty, nil
		}
	case "polygon":
		if b, err = s.outline(); err != nil {
			return nil, "", inField("points", err)
		}
		changed = changedPolygon
	case "cuboid":
		if b, err = s.cuboid(); err != nil {
			return nil, "", err
		}
		changed = changedCuboid
	default: // polyline, points, skeleton, tag
		return nil, fmt.Sprintf("%.40s, left out", kind), nil
	}
	if !finiteBox(b) || b[2] < 0 || b[3] < 0 {
		return nil, "", fmt.Errorf("%s: a box of %v", s.XMLName.Local, b)
	}
	return &b, changed, nil
}

// outline returns the bounding box of points, written as x,y;x,y;...
func (s *cvatShape) outline() (box [4]float64, err error) {
	var e extent
	for text := range strings.SplitSeq(s.attr("points"), ";") {
		if strings.TrimSpace(text) == "" {
			continue
		}
		x, y, _ := strings.Cut(text, ",")
		var p [2]float64
		for i, text := range [2]string{x, y} {
			if p[i], err = finiteNumber(text); err != nil {
				return box, atIndex(e.points, err)
			}
		}
		e.add(p[0], p[1])
	}
	if e.points == 0 {
		return box, errNoPoints
	}
	return e.box(), nil
}

// mask returns the bounding box of the pixels of a mask. "rle" has the runs of its rows, outside first, in the rectangle of the other
// attributes. Without it, the rectangle is the box: CVAT cuts masks at their pixels.
func (s *cvatShape) mask() (box [4]float64, err error) {
	v, err := s.numbers("left", "top", "width", "height")
	if err != nil {
		return box, err
	}
	box = [4]float64{v[0], v[1], v[2], v[3]}
	if text := strings.TrimSpace(s.attr("rle")); text != "" {
		var counts runs
		for field := range strings.SplitSeq(text, ",") {
			n, err := strconv.ParseUint(strings.TrimSpace(field), 10, 31)
			if err != nil {
				return box, inField("rle", atIndex(len(counts), fmt.Errorf("%s is not a number of pixels", cut(field))))
			}
			counts = append(counts, uint32(n))
		}
		b, err := counts.box(int64(v[3]), int64(v[2])) // of its columns, as COCO has them: those of the transposed mask
		if err != nil {
			return box, inField("rle", err)
		}
		box = [4]float64{v[0] + b[1], v[1] + b[0], b[3], b[2]}
	}
	return micro(box), nil
}

// cuboid returns the bounding box of the eight corners.
func (s *cvatShape) cuboid() (box [4]float64, err error) {
	var e extent
	for _, corner := range []string{"tl", "bl", "tr", "br"} {
		v, err := s.numbers("x"+corner+"1", "y"+corner+"1", "x"+corner+"2", "y"+corner+"2")
		if err != nil {
			return box, err
		}
		e.add(v[0], v[1])
		e.add(v[2], v[3])
	}
	return e.box(), nil
}
