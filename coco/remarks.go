package coco

import "fmt"

// Remarks counts warnings or errors about a data set by kind, and keeps the texts of the first Keep of each kind. The zero value
// keeps no texts.
type Remarks struct {
	Keep  int // texts to keep per kind; below 0: all
	kinds []RemarkKind
}

// RemarkKind has the remarks of one kind.
type RemarkKind struct {
	Kind  string   `json:"kind"`
	Count int      `json:"count"`
	First []string `json:"first"` // texts: file, index, field, value
}

// maxRemark is the maximum length of a text, in characters: file names can be very long.
const maxRemark = 1000

// Add adds a remark.
func (r *Remarks) Add(kind, format string, args ...any) {
	k := r.kind(kind)
	k.Count++
	if r.Keep < 0 || len(k.First) < r.Keep {
		k.First = append(k.First, fmt.Sprintf("%.*s", maxRemark, fmt.Sprintf(format, args...)))
	}
}

// AddCount adds n remarks without text.
func (r *Remarks) AddCount(kind string, n int) {
	if n > 0 {
		r.kind(kind).Count += n
	}
}

// Merge adds the remarks of another list.
func (r *Remarks) Merge(kinds []RemarkKind) {
	for _, k := range kinds {
		to := r.kind(k.Kind)
		to.Count += k.Count
		for _, text := range k.First {
			if r.Keep < 0 || len(to.First) < r.Keep {
				to.First = append(to.First, text)
			}
		}
	}
}

func (r *Remarks) kind(name string) *RemarkKind {
	for i := range r.kinds {
		if r.kinds[i].Kind == name {
			return &r.kinds[i]
		}
	}
	r.kinds = append(r.kinds, RemarkKind{Kind: name, First: []string{}})
	return &r.kinds[len(r.kinds)-1]
}

// Kinds returns the remarks by kind, in order of first occurrence.
func (r *Remarks) Kinds() []RemarkKind { return r.kinds }

// Count returns the number of all remarks.
func (r *Remarks) Count() (n int) {
	for _, k := range r.kinds {
		n += k.Count
	}
	return n
}
