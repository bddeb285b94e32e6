package coco

import (
	"slices"
	"sort"
)

// leftOut are the places in their file's list, ascending, of entries that were left out.
type leftOut []int

// place is where in the file the i-th of the entries is that were kept.
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

// keep moves the entries that stay together.
func keep[T any](list []T, drop []bool) []T {
	kept := list[:0]
	for i, entry := range list {
		if !drop[i] {
			kept = append(kept, entry)
		}
	}
	return kept
}

// lostIDs are those of entries that were left out. What refers to them is left out without another word.
type lostIDs struct {
	all    bool // or their whole list
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
