package collective

// segments is memory for what travels, for reuse.
type segments struct {
	numbers int
	floats  [][]float32
	halves  [][]uint16
}

func (s *segments) newFloats() []float32 {
	if n := len(s.floats); n > 0 {
		x := s.floats[n-1]
		s.floats = s.floats[:n-1]
		return x
	}
	return make([]float32, s.numbers)
}

func (s *segments) newHalves() []uint16 {
	if n := len(s.halves); n > 0 {
		x := s.halves[n-1]
		s.halves = s.halves[:n-1]
		return x
	}
	return make([]uint16, s.numbers)
}

// exchange sums the nodes of all processes. All must have the same nodes in the same order, each with the blocks of its own.
func (r *Reduction) exchange(mine []node[[]float32]) (sum node[[]float32], err error) {
	nodes, err := r.tell(mine)
	if err != nil {
		return sum, err
	}
	sum, present := r.present(nodes)
	if len(present) == 0 {
		return sum, nil
	}
	if r.parts.length() == 0 {
		sum.block, err = r.newBlock()
		return sum, err
	}
	x := exchange{r, r.group.tag()}
	if size := r.group.Size(); powerOfTwo(size) && len(nodes) == size && len(present) == size && r.options.Places%size == 0 {
		sum.block, err = x.halve(present)
	} else {
		sum.block, err = x.own(present)
	}
	return sum, err
}

// exchange is one sum's traffic.
type exchange struct {
	*Reduction
	tag int
}

// letter is a segment under way.
type letter struct {
	*Transfer
	receives bool
	numbers  []float32
	halves   []uint16 // what travels for the numbers, nil if they do themselves
}

// summing is the operation that errors name.
const summing = "sum of gradients"

func (x exchange) send(to, tag int, numbers []float32) letter {
	l := letter{numbers: numbers}
	bytes := Bytes(numbers)
	if x.options.Wire == BFloat16 {
		l.halves = x.pool.newHalves()
		pack(l.halves, numbers)
		bytes = Bytes(l.halves[:len(numbers)])
	}
	l.Transfer = x.group.begin(summing, false, to, tag, bytes)
	return l
}

func (x exchange) receive(from, tag int, numbers []float32) letter {
	l := letter{numbers: numbers, receives: true}
	bytes := Bytes(numbers)
	if x.options.Wire == BFloat16 {
		l.halves = x.pool.newHalves()
		bytes = Bytes(l.halves[:len(numbers)])
	}
	l.Transfer = x.group.begin(summing, true, from, tag, bytes)
	return l
}

// finish waits for a letter. Its numbers are there or may change.
func (x exchange) finish(l letter) error {
	if err := l.Wait(); err != nil {
		return err
	}
	if l.halves != nil {
		if l.receives {
			unpack(l.numbers, l.halves[:len(l.numbers)])
		}
		x.pool.halves = append(x.pool.halves, l.halves)
	}
	return nil
}

func (x exchange) finishAll(letters []letter) error {
	for _, l := range letters {
		if err := x.finish(l); err != nil {
			return err
		}
	}
	return nil
}

// segment returns number i of the segments of a range, empty past its end.
func (x exchange) segment(s span, i int) span {
	first := min(s.first+i*x.options.segment, s.end)
	return span{first, min(first+x.options.segment, s.end)}
}

// segments returns the number of segments of a range.
func (x exchange) segments(s span) int {
	return (s.end - s.first + x.options.segment - 1) / x.options.segment
}
