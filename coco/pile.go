package coco

// pile collects a list of unknown length in chunks. A slice that grows by append holds the old and the new copy at times, and
// spare capacity. For a file with nothing but ids this is more than ten times the file size.
type pile[T any] struct {
	pieces [][]T
	n      int
}

func (p *pile[T]) add(item T) {
	last := len(p.pieces) - 1
	if last < 0 || len(p.pieces[last]) == cap(p.pieces[last]) {
		p.pieces = append(p.pieces, make([]T, 0, min(max(4, p.n/8), 4096)))
		last++
	}
	p.pieces[last] = append(p.pieces[last], item)
	p.n++
}

// join returns the items as one slice and empties the pile.
func (p *pile[T]) join() []T {
	if p.n == 0 {
		return nil
	}
	all := make([]T, 0, p.n)
	for _, piece := range p.pieces {
		all = append(all, piece...)
	}
	*p = pile[T]{}
	return all
}
