package coco

import (
	"slices"
	"sort"
)

// leftOut lists the indices in the file, ascending, of entries that were left out.
type leftOut []int

// place returns the index in the file of the i-th entry that was kept.
func (l leftOut) place(i int) int {
	return i + sort.Search(len(l), func(k int) bool { return l[k]-k > i })
}

// and leaves out more of the entries that were kept.
func (l leftOut) and(drop []bool) leftOut {
	all := slices.Clone(l)
	for i, out := range drop {
		if out {
			all = append(all, l.place(i))
		}
	}
	slices.Sort(all)
	return all
}

// keep returns the entries that are kept, moved together.
func keep[T any](list []T, drop []bool) []T {
	kept := list[:0]
	for i, entry := range list {
		if !drop[i] {
			kept = append(kept, entry)
		}
	}
	return kept
}

// lostIDs are the ids of entries that were left out. Entries that refer to them are left out without another report.
type lostIDs struct {
	all    bool // the whole list was left out
	ids    map[int64]bool
	places leftOut
}

func (l *lostIDs) add(id int64) {
	if l.ids == nil {
		l.ids = make(map[int64]bool)
	}
	l.ids[id] = true
}

func (l *lostIDs) has(id int64) bool { return l.all || l.ids[id] }
