package checkpoint

import (
	"fmt"
	"slices"
	"strings"

	"scalenet/internal/brief"
)

// Report is the result of matching the tensors of a file with those of a model.
type Report struct {
	Matched    []string   // same name, same shape
	Missing    []Info     // in the model, not in the file
	LeftOver   []Info     // in the file, not in the model: unexpected keys in PyTorch
	WrongShape []Mismatch // same name, different shape
	Ignored    []string   // num_batches_tracked in the file, see Match
}

// Mismatch is a tensor whose shape in the file differs from that in the model.
type Mismatch struct {
	Name       string
	Have, Want []int
}

// Match compares tensors by name and shape. Element types may differ, because loaders
// convert. The lists have the order of want; LeftOver and Ignored have that of have.
//
// num_batches_tracked, the batch counter of PyTorch's BatchNorm, is ignored unless it is
// in want. PyTorch uses it only if momentum is None.
func Match(have, want []Info) Report {
	var r Report
	shapes := make(map[string][]int, len(have))
	for _, h := range have {
		shapes[h.Name] = h.Shape
	}
	wanted := make(map[string]bool, len(want))
	for _, w := range want {
		wanted[w.Name] = true
		shape, ok := shapes[w.Name]
		switch {
		case !ok:
			r.Missing = append(r.Missing, w)
		case !slices.Equal(shape, w.Shape):
			r.WrongShape = append(r.WrongShape, Mismatch{w.Name, shape, w.Shape})
		default:
			r.Matched = append(r.Matched, w.Name)
		}
	}
	for _, h := range have {
		switch {
		case wanted[h.Name]:
		case h.Name == "num_batches_tracked" || strings.HasSuffix(h.Name, ".num_batches_tracked"):
			r.Ignored = append(r.Ignored, h.Name)
		default:
			r.LeftOver = append(r.LeftOver, h)
		}
	}
	return r
}

// Err returns nil if every tensor of the model is in the file with its shape. Otherwise
// the error has one line with the file, the first missing or mismatched tensor, and
// counts. Unexpected tensors are not an error.
func (r Report) Err(path string) error {
	if len(r.Missing)+len(r.WrongShape) == 0 {
		return nil
	}
	var first string
	if len(r.WrongShape) > 0 {
		w := r.WrongShape[0]
		first = fmt.Sprintf("tensor %q has shape %s, the model wants %v", brief.Text(w.Name), brief.Value(w.Have), w.Want)
	} else {
		w := r.Missing[0]
		first = fmt.Sprintf("tensor %q of shape %v is missing", brief.Text(w.Name), w.Shape)
	}
	return fmt.Errorf("%s: %s (%d matched, %d missing, %d of wrong shape, %d unexpected): is it a checkpoint of another structure?",
		path, first, len(r.Matched), len(r.Missing), len(r.WrongShape), len(r.LeftOver))
}

// String returns the report as text: a line of counts, and one line with the first few
// names per list that is not empty.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d matched, %d missing, %d unexpected, %d of wrong shape, %d ignored",
		len(r.Matched), len(r.Missing), len(r.LeftOver), len(r.WrongShape), len(r.Ignored))
	named := func(i Info) string { return brief.Text(fmt.Sprintf("%s %v", i.Name, i.Shape)) }
	listLine(&b, "missing", r.Missing, named)
	listLine(&b, "unexpected", r.LeftOver, named)
	listLine(&b, "wrong shape", r.WrongShape, func(m Mismatch) string {
		return brief.Text(fmt.Sprintf("%s has %v, the model wants %v", m.Name, m.Have, m.Want))
	})
	listLine(&b, "ignored", r.Ignored, brief.Text)
	return b.String()
}

// listLine adds a line "title: a; b; ... and n more".
func listLine[T any](b *strings.Builder, title string, items []T, text func(T) string) {
	const shown = 4
	if len(items) == 0 {
		return
	}
	parts := make([]string, 0, shown)
	for _, item := range items[:min(shown, len(items))] {
		parts = append(parts, text(item))
	}
	fmt.Fprintf(b, "\n  %s: %s", title, strings.Join(parts, "; "))
	if more := len(items) - shown; more > 0 {
		fmt.Fprintf(b, "; and %d more", more)
	}
}
