package track

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"scalenet/geom"
	"scalenet/internal/brief"
)

// Point is a point of a frame, in pixels.
type Point struct{ X, Y float64 }

// Line is a line that tracks cross.
type Line struct {
	Name       string
	Start, End Point
}

// Zone is a polygon that tracks stand in.
type Zone struct {
	Name    string
	Corners []Point
}

const (
	wantLine = "want x1,y1,x2,y2 in pixels, such as 100,200,300,200, with a name if you like: gate=100,200,300,200"
	wantZone = "want the corners x1,y1,x2,y2,x3,y3,... of a polygon in pixels, such as 0,0,200,0,200,100, with a name if you like: yard=0,0,200,0,200,100"
)

// ParseLine reads a line: "x1,y1,x2,y2" or "name=x1,y1,x2,y2". Without a name, the coordinates are the name.
func ParseLine(text string) (Line, error) {
	name, points, err := parsePoints(text, wantLine)
	switch {
	case err != nil:
		return Line{}, err
	case len(points) != 2:
		return Line{}, fmt.Errorf("%q: has %d coordinates; %s", brief.Text(text), 2*len(points), wantLine)
	case points[0] == points[1]:
		return Line{}, fmt.Errorf("%q: starts and ends at the same point", brief.Text(text))
	}
	return Line{name, points[0], points[1]}, nil
}

// ParseZone reads a polygon: "x1,y1,x2,y2,x3,y3" with any number of corners from 3, or "name=" before that. Without a name, the coordinates are the name.
func ParseZone(text string) (Zone, error) {
	name, points, err := parsePoints(text, wantZone)
	switch {
	case err != nil:
		return Zone{}, err
	case len(points) < 3:
		return Zone{}, fmt.Errorf("%q: has %d coordinates; %s", brief.Text(text), 2*len(points), wantZone)
	case flat(points):
		return Zone{}, fmt.Errorf("%q: all corners are on one line, so nothing is inside", brief.Text(text))
	}
	return Zone{name, points}, nil
}

func parsePoints(text, want string) (name string, points []Point, err error) {
	name, list, named := strings.Cut(text, "=")
	if name = strings.TrimSpace(name); !named {
		list = name
	}
	if name == "" {
		return "", nil, fmt.Errorf("%q: %s", brief.Text(text), want)
	}
	var values []float64
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		v, err := strconv.ParseFloat(item, 64)
		if err != nil || math.Abs(v) > 1e6 || math.IsNaN(v) {
			if errors.Is(err, strconv.ErrRange) || err == nil {
				return "", nil, fmt.Errorf("%q: %s is not a coordinate of a frame", brief.Text(text), brief.Text(item))
			}
			return "", nil, fmt.Errorf("%q: %q is not a number; %s", brief.Text(text), brief.Text(item), want)
		}
		values = append(values, v)
	}
	if len(values)%2 == 1 {
		return "", nil, fmt.Errorf("%q: has %d coordinates, the last x has no y; %s", brief.Text(text), len(values), want)
	}
	for i := 0; i < len(values); i += 2 {
		points = append(points, Point{values[i], values[i+1]})
	}
	return name, points, nil
}

// flat reports whether all points are on one line.
func flat(points []Point) bool {
	other := slices.IndexFunc(points, func(p Point) bool { return p != points[0] })
	return other < 0 || !slices.ContainsFunc(points, func(p Point) bool { return turn(points[0], points[other], p) != 0 })
}

// turn is positive if c is right of the line from a to b, seen along it with y downwards, negative if left, 0 on it.
func turn(a, b, c Point) float64 {
	return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X)
}

// side returns the side of the line on which a box is: unknown if the line goes through the box, or if a corner of the box is beyond an end of the line.
func (l Line) side(b geom.Box) (at side) {
	dx, dy := l.End.X-l.Start.X, l.End.Y-l.Start.Y
	for _, c := range corners(b) {
		along := (c.X-l.Start.X)*dx + (c.Y-l.Start.Y)*dy
		if along < 0 || along > dx*dx+dy*dy {
			return unknown
		}
		here := right
		if turn(l.Start, l.End, c) < 0 {
			here = left
		}
		if at != unknown && at != here {
			return unknown
		}
		at = here
	}
	return at
}

func corners(b geom.Box) [4]Point {
	x1, y1, x2, y2 := float64(b.X1), float64(b.Y1), float64(b.X2), float64(b.Y2)
	return [4]Point{{x1, y1}, {x2, y1}, {x1, y2}, {x2, y2}}
}

// contains reports whether the centre of the lower side of a box is in the zone or on its border. Where the polygon overlaps itself an even number of
// times is outside.
func (z Zone) contains(b geom.Box) bool {
	p := Point{(float64(b.X1) + float64(b.X2)) / 2, float64(b.Y2)}
	inside := false
	for i, c := range z.Corners {
		d := z.Corners[(i+1)%len(z.Corners)]
		at := turn(c, d, p)
		if at == 0 && p.X >= min(c.X, d.X) && p.X <= max(c.X, d.X) && p.Y >= min(c.Y, d.Y) && p.Y <= max(c.Y, d.Y) {
			return true
		}
		if (c.Y > p.Y) != (d.Y > p.Y) && (at > 0) == (d.Y > c.Y) {
			inside = !inside
		}
	}
	return inside
}
