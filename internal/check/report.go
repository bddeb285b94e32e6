package check

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"scalenet/coco"
	"scalenet/imaging"
	"scalenet/internal/brief"
)

// Report is the result of a check.
type Report struct {
	Parts    []Part            `json:"parts"`
	Errors   []coco.RemarkKind `json:"errors"` // faults that would stop training
	Warnings []coco.RemarkKind `json:"warnings"`
	Classes  []Class           `json:"classes"` // most objects first
	Sides    Sides             `json:"sides"`

	sides sides
}

// Part is one data set that was checked.
type Part struct {
	Name   string `json:"name"` // of the split; may be empty
	Path   string `json:"path"`
	Images int    `json:"images"`
	Empty  int    `json:"without_boxes"` // images
	Boxes  int    `json:"boxes"`
	Crowds int    `json:"crowds"` // of the boxes
}

// Class is a row of the table of classes.
type Class struct {
	Name    string         `json:"name"`
	Objects int            `json:"objects"` // crowds among them
	Crowds  int            `json:"crowds"`
	Images  int            `json:"images"`
	Parts   map[string]int `json:"objects_by_part"`
}

// ErrorCount returns the number of errors.
func (r *Report) ErrorCount() (n int) {
	for _, k := range r.Errors {
		n += k.Count
	}
	return n
}

// Sides are quantiles of box sizes (square root of the area, in pixels). Crowds and zero-area boxes are excluded.
type Sides struct {
	Boxes     int       `json:"boxes"`
	Quantiles []float64 `json:"quantiles"` // levels of the quantiles: 0, 0.05, ..., 1
	Image     []float64 `json:"image"`     // in pixels of the images
	Network   []float64 `json:"network"`   // in pixels of the model input
	Shorter   int       `json:"shorter"`   // min_size of the model input
	Longest   int       `json:"longest"`
	Small     int       `json:"small"` // boxes of up to 32x32 pixels of the image, and so on: COCO's bounds
	Medium    int       `json:"medium"`
	Large     int       `json:"large"`
}

// sides collects square roots of areas.
type sides struct{ image, network []float32 }

func (s *sides) count() int { return len(s.image) }

// add adds a box of bw x bh in an image of w x h pixels.
func (s *sides) add(bw, bh, w, h float64, shorter, longest int) {
	side := math.Sqrt(bw * bh)
	scale := 1.0
	if w >= 1 && h >= 1 {
		fw, fh := imaging.Fit(int(w), int(h), shorter, longest)
		scale = math.Sqrt(float64(fw) * float64(fh) / (w * h))
	}
	s.image = append(s.image, float32(side))
	s.network = append(s.network, float32(side*scale))
}

func (s *sides) quantiles(shorter, longest int) Sides {
	q := Sides{Boxes: s.count(), Quantiles: []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1}, Image: []float64{}, Network: []float64{},
		Shorter: shorter, Longest: longest}
	if q.Boxes == 0 {
		return q
	}
	at := func(values []float32) (list []float64) {
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		for _, level := range q.Quantiles { // the nearest of the values
			v := float64(sorted[int(math.Round(level*float64(len(sorted)-1)))])
			list = append(list, math.Round(v*100)/100)
		}
		return list
	}
	q.Image, q.Network = at(s.image), at(s.network)
	for _, side := range s.image {
		switch {
		case side <= 32:
			q.Small++
		case side <= 96:
			q.Medium++
		default:
			q.Large++
		}
	}
	return q
}

// maxClasses is the maximum number of classes printed. JSON has all.
const maxClasses = 100

// Print writes the report as text, without errors and warnings.
func (r *Report) Print(w io.Writer) error {
	for _, p := range r.Parts {
		name := p.Path
		if p.Name != "" {
			name += " " + p.Name
		}
		fmt.Fprintf(w, "%s: %s (%d without boxes), %s (%s)\n", name, brief.Count(p.Images, "image"), p.Empty, brief.Count(p.Boxes, "box"), brief.Count(p.Crowds, "crowd"))
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	r.printClasses(t)
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Sides.Boxes == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nsides of the boxes (square root of the area) in pixels")
	fmt.Fprint(t, "\tsmallest\t5 %\t25 %\tmedian\t75 %\t95 %\tlargest\t\n")
	row := func(name string, values []float64) {
		fmt.Fprintf(t, "%s\t", name)
		for _, v := range values {
			fmt.Fprintf(t, "%.1f\t", v)
		}
		fmt.Fprintln(t)
	}
	row("of the images", r.Sides.Image)
	row(fmt.Sprintf("at %d/%d", r.Sides.Shorter, r.Sides.Longest), r.Sides.Network)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d small (up to 32x32), %d medium (up to 96x96), %d large\n", r.Sides.Small, r.Sides.Medium, r.Sides.Large)
	return err
}

func (r *Report) printClasses(w io.Writer) {
	var total int
	for _, k := range r.Classes {
		total += k.Objects
	}
	fmt.Fprint(w, "class\tobjects\tfraction\timages\t")
	several := len(r.Parts) > 1
	for _, p := range r.Parts {
		if several {
			fmt.Fprintf(w, "%s\t", p.Name)
		}
	}
	fmt.Fprintln(w)
	used := slices.DeleteFunc(slices.Clone(r.Classes), func(k Class) bool { return k.Objects == 0 }) // a warning lists the others
	for _, k := range used[:min(len(used), maxClasses)] {
		fmt.Fprintf(w, "%s\t%d\t%.1f %%\t%d\t", k.Name, k.Objects, 100*float64(k.Objects)/float64(max(total, 1)), k.Images)
		for _, p := range r.Parts {
			if several {
				fmt.Fprintf(w, "%d\t", k.Parts[p.Name])
			}
		}
		fmt.Fprintln(w)
	}
	if more := len(used) - maxClasses; more > 0 {
		fmt.Fprintf(w, "and %d more\t\t\t\t\n", more)
	}
}
