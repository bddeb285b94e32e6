package coco

import "fmt"

// Remarks counts what a tool has to say about a data set, by kind, and keeps the words of the first ones. The zero value keeps
// none of them.
type Remarks struct {
	Keep  int // how many of each kind; below 0: all
	kinds []RemarkKind
}

// RemarkKind is all that was said of one kind.
type RemarkKind struct {
	Kind  string   `json:"kind"`
	Count int      `json:"count"`
	First []string `json:"first"` // the words: file, index, field, value
}

// maxRemark is how much of a remark is kept, in characters: a file's name can have a megabyte.
const maxRemark = 1000

// Add makes a remark.
func (r *Remarks) Add(kind, format string, args ...any) {
	k := r.kind(kind)
	k.Count++
	if r.Keep < 0 || len(k.First) < r.Keep {
		k.First = append(k.First, fmt.Sprintf("%.*s", maxRemark, fmt.Sprintf(format, args...)))
	}
}

// AddCount makes n remarks of which nothing else is to be said.
func (r *Remarks) AddCount(kind string, n int) {
	if n > 0 {
		r.kind(kind).Count += n
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

// Kinds lists what was said, in the order in which kinds first came up.
func (r *Remarks) Kinds() []RemarkKind { return r.kinds }

// Count is the number of all remarks.
func (r *Remarks) Count() (n int) {
	for _, k := range r.kinds {
		n += k.Count
	}
	return n
}
