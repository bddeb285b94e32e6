package engine

import (
	"cmp"
	"slices"
)

// buffer is the memory of a value, and of those that are computed in place of it, from the step that writes it first to the one that reads it last.
type buffer struct {
	bytes       int
	first, last int // steps
	at          int // where it begins in the plan's memory
	mem         Memory
}

// layout assigns every computed value of a program a buffer. Buffers that are in use at different times may share memory.
type layout struct {
	buffers []*buffer
	of      map[*value]*buffer
	steps   int
}

// newLayout plans the memory of a program whose kept values live to the end.
func newLayout(p *program) *layout {
	l := &layout{of: map[*value]*buffer{}, steps: len(p.steps)}
	left := map[*value]int{} // reads still to come, by root
	kept := map[*value]bool{}
	for _, s := range p.steps {
		r := root(s.out)
		kept[r] = kept[r] || s.out.kept
		for _, v := range s.in {
			left[root(v)]++
		}
	}
	for i, s := range p.steps {
		if root(s.out) == s.out {
			l.of[s.out] = l.place(s, i, left, kept)
		}
		for _, v := range s.in {
			l.use(root(v), i)
			left[root(v)]--
		}
		if r := root(s.out); kept[r] {
			l.use(r, l.steps)
		}
	}
	return l
}

// root returns the value whose memory v uses: for a reshaped value, its source.
func root(v *value) *value {
	for isView(v) {
		v = v.def.in[0]
	}
	return v
}

// place returns the buffer for a step's output: that of an input whose lifetime ends with this step and which may be overwritten, else a new one.
func (l *layout) place(s *step, i int, left map[*value]int, kept map[*value]bool) *buffer {
	for _, in := range InPlace(s.op) {
		r := root(s.in[in])
		if left[r] == 1 && !kept[r] && l.of[r] != nil && r.Bytes() == s.out.Bytes() {
			return l.of[r]
		}
	}
	return l.add(s.out, i)
}

// add makes a buffer that is written first by step i.
func (l *layout) add(v *value, i int) *buffer {
	b := &buffer{bytes: v.Bytes(), first: i, last: i}
	l.buffers = append(l.buffers, b)
	return b
}

// use keeps the buffer of a value to step i. Parameters and inputs have none.
func (l *layout) use(v *value, i int) {
	if b := l.of[v]; b != nil {
		b.last = max(b.last, i)
	}
}

// keep gives an input a buffer for all steps.
func (l *layout) keep(v *value) {
	l.of[v] = l.add(v, 0)
	l.use(v, l.steps)
}

// arrange sets the offsets of the buffers and returns the total size in bytes: from the largest buffer to the smallest, each at the lowest offset where memory
// is free as long as it is in use ("greedy by size", https://arxiv.org/abs/2001.03288). Buffers of equal size come in the order of the steps.
func (l *layout) arrange() (bytes int) {
	bySize := slices.Clone(l.buffers)
	slices.SortStableFunc(bySize, func(a, b *buffer) int { return cmp.Compare(b.bytes, a.bytes) })
	var placed []*buffer // in the order of offsets
	for _, b := range bySize {
		b.at = 0
		size := aligned(b.bytes)
		for _, p := range placed {
			if p.last < b.first || b.last < p.first {
				continue
			}
			if b.at+size <= p.at {
				break
			}
			b.at = max(b.at, p.at+aligned(p.bytes))
		}
		i, _ := slices.BinarySearchFunc(placed, b, func(p, b *buffer) int { return cmp.Compare(p.at, b.at) })
		placed = slices.Insert(placed, i, b)
		bytes = max(bytes, b.at+size)
	}
	return bytes
}
