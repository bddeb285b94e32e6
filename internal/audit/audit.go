// Package audit finds labels that are probably wrong: objects without a label, labels of the wrong class, and loose boxes. It compares
// the labels with detections of models that have not seen the image.
package audit

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"scalenet/coco"
)

// Kind is what is probably wrong.
type Kind string

// The kinds of proposals.
const (
	Missing Kind = "missing"     // an object without a label
	Class   Kind = "wrong class" // a label of another class than the model's
	Loose   Kind = "loose box"   // a label whose box differs from the model's
)

// Proposal is a label that is probably wrong, or missing.
type Proposal struct {
	Kind       Kind        `json:"kind"`
	Rank       float64     `json:"rank"` // 0..1, the higher the more probable
	File       string      `json:"file_name"`
	ImageID    int64       `json:"image_id"`
	Annotation *int64      `json:"annotation_id,omitempty"` // none for Missing
	Label      string      `json:"label,omitempty"`         // class and box of the label; none for Missing
	Box        *[4]float64 `json:"bbox,omitempty"`          // x, y, width, height in pixels
	Class      string      `json:"proposed_class"`          // class and box of the detection
	Proposed   [4]float64  `json:"proposed_bbox"`
	Score      float64     `json:"score"`
	IoU        float64     `json:"iou"` // of the label and the detection

	image int
}

// Report is what was found.
type Report struct {
	Data       string     `json:"data"`
	Images     int        `json:"images"`
	Labels     int        `json:"labels"`
	Unjudged   int        `json:"images_without_detections"`
	Unlisted   int        `json:"unlisted"`   // detections of categories that are no classes of the data set: dropped
	MedianIoU  float64    `json:"median_iou"` // of labels and the detections of their class
	Proposals  []Proposal `json:"proposals"`  // the highest rank first
	Considered int        `json:"considered"` // proposals before Options.Top

	data  *coco.Dataset
	usual []spread // IoU by class
}

// spread is the median of numbers and an estimate of their standard deviation that a few outliers do not change.
type spread struct{ median, deviation float64 }

func spreadOf(list []float64) (s spread) {
	if len(list) == 0 {
		return s
	}
	slices.Sort(list)
	s.median = list[len(list)/2]
	for i, v := range list {
		list[i] = math.Abs(v - s.median)
	}
	slices.Sort(list)
	s.deviation = max(1.4826*list[len(list)/2], 0.01) // of a normal distribution
	return s
}

// fewLabels of a class do not say what is usual for it.
const fewLabels = 20

// Options are the options of Find.
type Options struct {
	Top      int     // number of proposals; 0: all
	MinScore float64 // of detections that are compared
}

const (
	near  = 0.3  // IoU of a label and a detection of the same object at least
	least = 0.01 // rank of a proposal: what differs by a rounding error is none

	same = 0.5 // IoU of a label and a detection of another class that propose another class, and of detections of one object
)

// Find ranks the labels of a data set. results are detections with the ids of the data set, of one or several models. Each image must
// be judged by one model, so an image with detections in two results is an error.
//
//   - An object is missing where a detection overlaps no label with an IoU of 0.3. It ranks by the score.
//   - A class is wrong if a detection of another class overlaps the label with an IoU of 0.5 or more. It ranks by how much higher its
//     score is than that of the detection of the label's own class.
//   - A box is loose if its IoU with the detection of its class is unusually low: more than 2 standard deviations below the median of
//     its class, which are estimated by the median of the absolute deviations. It ranks by the score, in full at 5 deviations.
func Find(d *coco.Dataset, results []*coco.Results, o Options) (*Report, error) {
	images, unlisted, err := detections(d, results, o.MinScore)
	if err != nil {
		return nil, err
	}
	r := &Report{Data: d.Path, Images: len(d.Images), Unlisted: unlisted, data: d, Proposals: []Proposal{}}
	overlaps := make([][]float64, len(d.Categories)+1) // by class; 0: of all
	for i := range images {
		m := &images[i]
		for _, at := range d.Objects(i) {
			if a := &d.Annotations[at]; a.Ignored() {
				m.ignored = append(m.ignored, a)
			} else if !a.Empty() {
				m.labels = append(m.labels, label{Annotation: a})
			}
		}
		if r.Labels += len(m.labels); len(m.found) == 0 {
			r.Unjudged++
			continue
		}
		m.match()
		for _, l := range m.labels {
			if l.own != nil && l.iou >= same {
				overlaps[0] = append(overlaps[0], l.iou)
				overlaps[l.Class] = append(overlaps[l.Class], l.iou)
			}
		}
	}
	r.usual = make([]spread, len(overlaps))
	for class, list := range overlaps {
		if r.usual[class] = spreadOf(list); class > 0 && len(list) < fewLabels {
			r.usual[class] = r.usual[0]
		}
	}
	r.MedianIoU = r.usual[0].median
	for i := range images {
		r.image(i, &images[i])
	}
	slices.SortStableFunc(r.Proposals, func(a, b Proposal) int { return cmp.Compare(b.Rank, a.Rank) })
	r.Considered = len(r.Proposals)
	if o.Top > 0 {
		r.Proposals = r.Proposals[:min(o.Top, len(r.Proposals))]
	}
	return r, nil
}

// judged is an image with its labels and detections.
type judged struct {
	labels  []label
	ignored []*coco.Annotation
	found   []detection // the highest score first
}

// label is an annotation with the detection of its class that belongs to it, if there is one.
type label struct {
	*coco.Annotation
	own *detection
	iou float64
}

type detection struct {
	class int
	box   [4]float64
	score float64
	taken bool // by a label of its class
}

// detections sorts the rows of results by image. Those of categories that the data set does not have are only counted: a model may have more classes.
func detections(d *coco.Dataset, results []*coco.Results, least float64) (images []judged, unlisted int, err error) {
	images = make([]judged, len(d.Images))
	at, class := make(map[int64]int, len(d.Images)), make(map[int64]int, len(d.Categories))
	for i, m := range d.Images {
		at[m.ID] = i
	}
	for i, c := range d.Categories {
		class[c.ID] = i + 1
	}
	from := make([]int, len(d.Images)) // the results of an image, from 1
	for n, r := range results {
		for row, id := range r.Image {
			i, known := at[id]
			switch {
			case !known:
				return nil, 0, fmt.Errorf("%s: [%d].image_id: %s has no image with the id %d", r.Path, row, d.Path, id)
			case from[i] != 0 && from[i] != n+1:
				return nil, 0, fmt.Errorf("%s: [%d].image_id: the image %d has detections in %s too, but only one model can judge it",
					r.Path, row, id, results[from[i]-1].Path)
			}
			from[i] = n + 1
			if k := class[r.Category[row]]; k == 0 {
				unlisted++
			} else if r.Score[row] >= least {
				images[i].found = append(images[i].found, detection{class: k, box: r.Box[row], score: r.Score[row]})
			}
		}
	}
	for i := range images {
		slices.SortStableFunc(images[i].found, func(a, b detection) int { return cmp.Compare(b.score, a.score) })
	}
	return images, unlisted, nil
}

// match pairs labels with detections of their class, the pair of the highest IoU first.
func (m *judged) match() {
	type pair struct {
		label, found int
		iou          float64
	}
	var pairs []pair
	for i := range m.labels {
		for k := range m.found {
			if m.labels[i].Class != m.found[k].class {
				continue
			}
			if iou := coco.Overlap(&m.found[k].box, &m.labels[i].Box, false); iou >= near {
				pairs = append(pairs, pair{i, k, iou})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.iou, a.iou) })
	for _, p := range pairs {
		l, f := &m.labels[p.label], &m.found[p.found]
		if l.own == nil && !f.taken {
			l.own, l.iou, f.taken = f, p.iou, true
		}
	}
}

// image adds the proposals of an image.
func (r *Report) image(i int, m *judged) {
	for k := range m.labels {
		l := &m.labels[k]
		if p, ok := r.wrong(m, l); ok {
			r.add(i, p)
		} else if p, ok := r.loose(l); ok {
			r.add(i, p)
		}
	}
	var proposed []*detection
	for k := range m.found {
		f := &m.found[k]
		if f.taken || m.covered(f) || slices.ContainsFunc(proposed, func(p *detection) bool { return coco.Overlap(&f.box, &p.box, false) >= same }) {
			continue
		}
		proposed = append(proposed, f)
		r.add(i, Proposal{Kind: Missing, Rank: f.score, Class: r.class(f.class), Proposed: f.box, Score: f.score})
	}
}

func (r *Report) class(n int) string { return r.data.Categories[n-1].Name }

func (r *Report) add(i int, p Proposal) {
	p.image, p.File, p.ImageID = i, r.data.Images[i].FileName, r.data.Images[i].ID
	r.Proposals = append(r.Proposals, p)
}

// of returns a proposal for a label.
func (r *Report) of(kind Kind, l *label, f *detection, iou, rank float64) Proposal {
	return Proposal{Kind: kind, Rank: rank, Annotation: &l.ID, Label: r.class(l.Class), Box: &l.Box,
		Class: r.class(f.class), Proposed: f.box, Score: f.score, IoU: iou}
}

// wrong proposes the class of the detection of the highest score that belongs to no other label.
func (r *Report) wrong(m *judged, l *label) (Proposal, bool) {
	for k := range m.found {
		f := &m.found[k]
		iou := coco.Overlap(&f.box, &l.Box, false)
		if f.taken || f.class == l.Class || iou < same {
			continue
		}
		rank := f.score
		if l.own != nil {
			rank -= l.own.score
		}
		return r.of(Class, l, f, iou, rank), rank >= least
	}
	return Proposal{}, false
}

// loose proposes the box of the detection of the label's class.
func (r *Report) loose(l *label) (Proposal, bool) {
	if l.own == nil {
		return Proposal{}, false
	}
	usual := r.usual[l.Class]
	rank := l.own.score * min(((usual.median-l.iou)/usual.deviation-2)/3, 1)
	return r.of(Loose, l, l.own, l.iou, rank), rank >= least
}

// covered reports whether a detection is on a label or an ignored object of any class, or in a crowd region.
func (m *judged) covered(f *detection) bool {
	for i := range m.labels {
		if coco.Overlap(&f.box, &m.labels[i].Box, false) >= near {
			return true
		}
	}
	for _, a := range m.ignored {
		enough := near
		if a.Crowd {
			enough = same
		}
		if coco.Overlap(&f.box, &a.Box, a.Crowd) >= enough {
			return true
		}
	}
	return false
}
