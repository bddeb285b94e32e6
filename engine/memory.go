package engine

// buffer is memory that several values use in turn.
type buffer struct {
	bytes, at int // at: where it begins in the plan's memory
	mem       Memory
}

// layout assigns every computed value of a program a buffer during its lifetime. The most recently freed buffer is reused first, because it is still in
// the cache.
type layout struct {
	buffers []*buffer
	of      map[*value]*buffer
	free    []*buffer // the one freed last at the end
}

// newLayout plans the memory of a program whose kept values live to the end.
func newLayout(p *program) *layout {
	l := &layout{of: map[*value]*buffer{}}
	left := map[*value]int{} // reads still to come, by root
	kept := map[*value]bool{}
	for _, s := range p.steps {
		r := root(s.out)
		kept[r] = kept[r] || s.out.kept
		for _, v := range s.in {
			left[root(v)]++
		}
	}
	for _, s := range p.steps {
		if root(s.out) == s.out {
			l.of[s.out] = l.place(s, left, kept)
		}
		for _, v := range s.in {
			r := root(v)
			left[r]--
			if left[r] == 0 && !kept[r] && l.of[r] != nil && l.of[r] != l.of[root(s.out)] {
				l.free = append(l.free, l.of[r])
			}
		}
		if r := root(s.out); left[r] == 0 && !kept[r] {
			l.free = append(l.free, l.of[r])
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

// place returns the buffer for a step's output: that of an input whose lifetime ends with this step and which may be overwritten, else a free one.
func (l *layout) place(s *step, left map[*value]int, kept map[*value]bool) *buffer {
	for _, i := range InPlace(s.op) {
		r := root(s.in[i])
		if left[r] == 1 && !kept[r] && l.of[r] != nil && r.Bytes() == s.out.Bytes() {
			return l.of[r]
		}
	}
	return l.take(s.out.Bytes())
}

// take returns a buffer: the most recently freed one that is large enough without waste, else the most recently freed one that is large enough, else the
// largest free one, enlarged, else a new one.
func (l *layout) take(bytes int) *buffer {
	best := -1
	for i := len(l.free) - 1; i >= 0; i-- {
		if b := l.free[i].bytes; b >= bytes && b <= 2*bytes {
			best = i
			break
		}
	}
	for i := len(l.free) - 1; i >= 0 && best < 0; i-- {
		if l.free[i].bytes >= bytes {
			best = i
		}
	}
	if best < 0 {
		for i, s := range l.free {
			// Enlarging a small buffer for a large value helps nobody.
			if 4*s.bytes >= bytes && (best < 0 || s.bytes > l.free[best].bytes) {
				best = i
			}
		}
	}
	if best < 0 {
		s := &buffer{bytes: bytes}
		l.buffers = append(l.buffers, s)
		return s
	}
	s := l.free[best]
	l.free = append(l.free[:best], l.free[best+1:]...)
	s.bytes = max(s.bytes, bytes)
	return s
}

// keep gives an input its own buffer.
func (l *layout) keep(v *value) {
	l.of[v] = &buffer{bytes: v.Bytes()}
	l.buffers = append(l.buffers, l.of[v])
}

// arrange sets the offsets of the buffers, one after the other, and returns their total size in bytes.
func (l *layout) arrange() (bytes int) {
	for _, s := range l.buffers {
		s.at = bytes
		bytes += aligned(s.bytes)
	}
	return bytes
}
