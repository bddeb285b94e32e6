package coco

import (
	"cmp"
	"slices"
)

const (
	maxDetections = 100 // per image and class
	numThresholds = 10  // IoU 0.50:0.05:0.95
	allThresholds = 1<<numThresholds - 1
	ignoreShift   = 16 // of the ignored bits in a verdict
)

// AreaRange is a range of an annotation's area in square pixels (a detection's is width*height), both bounds inclusive.
type AreaRange struct{ Min, Max float64 }

func (r AreaRange) holds(area float64) bool { return !(area < r.Min || area > r.Max) }

// IgnoredUnmatched reports whether a detection that matches no object is no false positive: its area is not in the range of all
// sizes, 0 to 1e10, as in pycocotools.
func IgnoredUnmatched(box *[4]float64) bool { return !cocoAreas()[allAreas].holds(box[2] * box[3]) }

const (
	allAreas = iota
	small
	medium
	large
	numAreas
)

// cocoAreas are all, small, medium and large: 0..1e5^2, 32^2, 96^2.
func cocoAreas() [numAreas]AreaRange {
	return [numAreas]AreaRange{{0, 1e10}, {0, 1024}, {1024, 9216}, {9216, 1e10}}
}

// iouThresholds are numpy's linspace(0.5, 0.95, 10) to the last bit.
func iouThresholds() (t [numThresholds]float64) {
	first, last := 0.5, 0.95
	step := (last - first) / (numThresholds - 1)
	for i := range t {
		t[i] = float64(float64(i)*step) + first // the conversion forbids a fused multiply-add
	}
	t[numThresholds-1] = last
	return t
}

// span is a piece of one class that ends where an image ends.
type span struct{ dtFrom, dtTo, gtFrom, gtTo int32 }

// spanRows is about the number of detections in a span: enough to make the hand-over cheap, few enough for an even load.
const spanRows = 4096

// match computes the verdict of each detection, spans in parallel.
func (p *problem) match() {
	var spans []span
	for k := range p.gt.Categories {
		spans = p.split(spans, span{p.dtFrom[k], p.dtFrom[k+1], p.gtFrom[k], p.gtFrom[k+1]})
	}
	parallel(len(spans), func(m *matcher, i int) {
		if m.problem == nil {
			*m = newMatcher(p)
		}
		m.match(spans[i])
	})
}

// split cuts a class into spans. Objects on images without detections need no verdict: they may fall between spans.
func (p *problem) split(spans []span, s span) []span {
	for s.dtFrom < s.dtTo {
		end := min(s.dtFrom+spanRows, s.dtTo)
		for end < s.dtTo && p.dtImage[end] == p.dtImage[end-1] {
			end++
		}
		gtEnd := s.gtFrom
		for gtEnd < s.gtTo && p.gtImage[gtEnd] <= p.dtImage[end-1] {
			gtEnd++
		}
		spans = append(spans, span{s.dtFrom, end, s.gtFrom, gtEnd})
		s.dtFrom, s.gtFrom = end, gtEnd
	}
	return spans
}

// matcher is the scratch memory of one goroutine. It grows to the size of the largest cell.
type matcher struct {
	*problem
	thresholds [numThresholds]float64 // at most 1 - 1e-10, so that equal boxes match whatever the rounding
	objects    []object
	overlaps   []overlap
}

// object is a ground-truth box of the current cell.
type object struct {
	box     [4]float64
	area    float64 // of the box
	crowd   bool
	unseen  bool // a match does not count: pycocotools' object with id 0
	ignored [numAreas]bool
	taken   [numAreas]uint16 // bit t: matched at threshold t
}

func newObject(box *[4]float64, crowd bool) object {
	return object{box: *box, area: box[2] * box[3], crowd: crowd}
}

// overlap is an object that the current detection may match, in file order.
type overlap struct {
	*object
	iou float64
}

func newMatcher(p *problem) matcher {
	m := matcher{problem: p, thresholds: iouThresholds()}
	for t, v := range m.thresholds {
		m.thresholds[t] = min(v, 1-1e-10)
	}
	return m
}

// match matches all detections of a span.
func (m *matcher) match(s span) {
	g := s.gtFrom
	for from := s.dtFrom; from < s.dtTo; {
		image := m.dtImage[from]
		to := from + 1
		for to < s.dtTo && m.dtImage[to] == image {
			to++
		}
		for g < s.gtTo && m.gtImage[g] < image {
			g++
		}
		m.objects = m.objects[:0]
		for ; g < s.gtTo && m.gtImage[g] == image; g++ {
			m.addObject(&m.gt.Annotations[m.gtRow[g]])
		}
		m.matchCell(from, to)
		from = to
	}
}

func (m *matcher) addObject(a *Annotation) {
	o := newObject(&a.Box, a.Crowd)
	o.unseen = m.quirks && a.ID == 0
	ignored := m.ignored(a)
	for i, r := range m.areas {
		o.ignored[i] = ignored || !r.holds(a.Area)
	}
	m.objects = append(m.objects, o)
}

// matchCell matches the detections of rows from..to, all of one class and image, in descending score order.
func (m *matcher) matchCell(from, to int32) {
	rows := m.dtRow[from:to]
	m.sortByScore(rows)
	for i, row := range rows {
		if i >= maxDetections {
			m.rank[from+int32(i)] = maxDetections
			continue
		}
		box := &m.dt.Box[row]
		m.rank[from+int32(i)] = uint8(i)
		m.findOverlaps(box)
		verdict := &m.verdict[from+int32(i)]
		area := box[2] * box[3]
		for a, r := range m.areas {
			var matched, ignored uint32
			if len(m.overlaps) > 0 {
				matched, ignored = m.take(a)
			}
			if !r.holds(area) {
				ignored |= allThresholds &^ matched
			}
			verdict[a] = matched | ignored<<ignoreShift
		}
	}
}

// sortByScore orders rows of a cell by score, descending; equal scores keep the order of the file.
func (m *matcher) sortByScore(rows []int32) {
	score := m.dt.Score
	if len(rows) > 24 {
		slices.SortFunc(rows, func(a, b int32) int {
			if c := cmp.Compare(score[b], score[a]); c != 0 {
				return c
			}
			return cmp.Compare(a, b)
		})
		return
	}
	for i := 1; i < len(rows); i++ {
		row, j := rows[i], i
		for ; j > 0 && score[rows[j-1]] < score[row]; j-- {
			rows[j] = rows[j-1]
		}
		rows[j] = row
	}
}

// findOverlaps collects the objects whose IoU is at least the lowest threshold.
func (m *matcher) findOverlaps(d *[4]float64) {
	m.overlaps = m.overlaps[:0]
	for i := range m.objects {
		o := &m.objects[i]
		iou := overlapOf(d, o)
		if iou != iou {
			m.keepAll(d)
			return
		}
		if iou >= m.thresholds[0] {
			m.overlaps = append(m.overlaps, overlap{o, iou})
		}
	}
}

// keepAll collects all objects: among boxes beyond 1e154 or below 1e-154 an IoU may be NaN, and then every comparison that
// follows in the reference comes out for the later object.
func (m *matcher) keepAll(d *[4]float64) {
	m.overlaps = m.overlaps[:0]
	for i := range m.objects {
		m.overlaps = append(m.overlaps, overlap{&m.objects[i], overlapOf(d, &m.objects[i])})
	}
}

// Overlap returns the IoU of a detection and an object, given as x, y, width, height. For a crowd it returns the intersection
// divided by the area of the detection.
func Overlap(detection, object *[4]float64, crowd bool) float64 {
	o := newObject(object, crowd)
	return overlapOf(detection, &o)
}

// overlapOf returns the IoU of a detection and an object, or intersection over detection area for a crowd.
func overlapOf(d *[4]float64, o *object) float64 {
	w := min(d[0]+d[2], o.box[0]+o.box[2]) - max(d[0], o.box[0])
	if w <= 0 {
		return 0
	}
	h := min(d[1]+d[3], o.box[1]+o.box[3]) - max(d[1], o.box[1])
	if h <= 0 {
		return 0
	}
	inter := float64(w * h) // the conversion forbids a fused multiply-add
	union := float64(d[2] * d[3])
	if !o.crowd {
		union = union + o.area - inter
	}
	return inter / union
}

// take matches the current detection at each threshold to the object of highest IoU, the last one of equal IoU. Ignored objects
// are matched only if no other object matches. An object is matched once, a crowd any number of times.
func (m *matcher) take(area int) (matched, ignored uint32) {
	for t, threshold := range m.thresholds {
		bit := uint16(1) << t
		var best *object
		iou := threshold
		for _, o := range m.overlaps {
			if o.ignored[area] || o.taken[area]&bit != 0 || o.iou < iou {
				continue
			}
			best, iou = o.object, o.iou
		}
		if best == nil {
			for _, o := range m.overlaps {
				if !o.ignored[area] || o.taken[area]&bit != 0 && !o.crowd || o.iou < iou {
					continue
				}
				best, iou = o.object, o.iou
			}
			if best == nil {
				continue
			}
			ignored |= uint32(bit)
		}
		best.taken[area] |= bit
		if !best.unseen {
			matched |= uint32(bit)
		}
	}
	return matched, ignored
}
