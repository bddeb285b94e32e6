package collective

import "slices"

// parts are the places of parameters in a block.
type parts struct {
	begin []int // of each part, and the end of the last
}

func newParts(lengths []int) parts {
	p := parts{make([]int, len(lengths)+1)}
	for i, n := range lengths {
		p.begin[i+1] = p.begin[i] + n
	}
	return p
}

func (p parts) count() int  { return len(p.begin) - 1 }
func (p parts) length() int { return p.begin[len(p.begin)-1] }

// of returns a part of a block.
func (p parts) of(block []float32, i int) []float32 { return block[p.begin[i]:p.begin[i+1]] }

// has tells which parts of a node are present. nil has none.
type has []bool

func (h has) any() bool { return slices.Contains(h, true) }

// or returns what a sum has.
func (h has) or(other has) has {
	if h == nil || other == nil {
		return slices.Concat(h, other)
	}
	sum := slices.Clone(h)
	for i, present := range other {
		sum[i] = sum[i] || present
	}
	return sum
}

// join adds the numbers [lo, hi) of node x to those of node into, part by part: add where both are present, take where only x is. Neighbouring parts
// with the same answer are one call, whose range is within [lo, hi).
func (p parts) join(lo, hi int, into, x has, add, take func(lo, hi int)) {
	what := func(part int) func(lo, hi int) {
		switch {
		case x == nil || !x[part]:
			return nil
		case into != nil && into[part]:
			return add
		}
		return take
	}
	same := func(a, b int) bool {
		return (x != nil && x[a]) == (x != nil && x[b]) && (into != nil && into[a]) == (into != nil && into[b])
	}
	part, found := slices.BinarySearch(p.begin, lo)
	if !found {
		part--
	}
	for lo < hi {
		last := part
		for last+1 < p.count() && p.begin[last+1] < hi && same(part, last+1) {
			last++
		}
		end := min(p.begin[last+1], hi)
		if do := what(part); do != nil && end > lo {
			do(lo, end)
		}
		lo, part = end, last+1
	}
}
