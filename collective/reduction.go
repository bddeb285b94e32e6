package collective

import (
	"cmp"
	"fmt"
)

// ReductionOptions describe a sum.
type ReductionOptions struct {
	// Places is the number of micro-batches of a step, at least that of processes.
	Places int
	// Parts are the lengths of the parameters.
	Parts []int
	// Wire is how numbers travel.
	Wire Wire

	segment int // numbers that travel at once, 1 MB unless a test sets it
	depth   int // segments on their way, 16 unless a test sets it
}

// Reduction sums the gradients of one step after the other, over the micro-batches of all processes, along the tree.
//
//	for place := first; place < end; place++ { // of r.Places()
//		r.Add(place, gradients)
//	}
//	sum, err := r.Finish()
//
// Gradients that are ready early can have a Reduction of their own, whose Finish runs while others are still computed. All processes must finish
// them in the same order, and call nothing else of the group meanwhile.
type Reduction struct {
	group   *Group
	options ReductionOptions
	parts   parts
	places  span
	next    int // the first place that has not been added
	nodes   []node
	free    [][]float32 // blocks for reuse
	result  []float32   // what Finish returned, reused after the next call of Add
	pool    segments
}

// node is a sum over places of this process. What it does not have is undefined in the block.
type node struct {
	span
	has   has
	block []float32 // nil if it has nothing
}

// NewReduction prepares sums. All processes must give the same options; it is an error if they do not.
func NewReduction(g *Group, o ReductionOptions) (*Reduction, error) {
	o.segment, o.depth = cmp.Or(o.segment, 1<<18), cmp.Or(o.depth, 16)
	r := &Reduction{group: g, options: o, parts: newParts(o.Parts), places: placesOf(g.Rank(), g.Size(), o.Places)}
	r.pool = segments{numbers: o.segment}
	r.next = r.places.first
	if err := r.agree(); err != nil {
		return nil, err
	}
	if o.Places < g.Size() {
		return nil, fmt.Errorf("%d micro-batches a step are too few for %d processes", o.Places, g.Size())
	}
	return r, nil
}

// agree compares the options of all processes.
func (r *Reduction) agree() error {
	mine := []int64{int64(r.options.Places), int64(r.options.Wire), int64(r.options.segment), int64(len(r.options.Parts))}
	names := []string{"micro-batches a step", "on the wire", "numbers in a segment", "parameters"}
	for i, n := range r.options.Parts {
		mine, names = append(mine, int64(n)), append(names, fmt.Sprintf("numbers in parameter %d", i))
	}
	all, err := r.group.collect(summing, Bytes(mine), everyone)
	if err != nil {
		return err
	}
	for rank, block := range all {
		theirs := Numbers[int64](block)
		for i := range min(len(mine), len(theirs)) { // the number of parameters comes first
			if theirs[i] != mine[i] {
				return r.group.error(summing, rank, fmt.Errorf("the processes differ: %s: %d here, %d there", names[i], mine[i], theirs[i]))
			}
		}
	}
	return nil
}

// Places returns the places of this process: from first up to but without end.
func (r *Reduction) Places() (first, end int) { return r.places.first, r.places.end }

// Add adds the gradients of the micro-batch at a place, one slice per part, nil where it has none. Places come in ascending order. A place that is left out
// has nothing. The gradients are not kept.
func (r *Reduction) Add(place int, gradients [][]float32) error {
	if place < r.next || place >= r.places.end {
		return fmt.Errorf("place %d: the next of rank %d is %d, the last %d", place, r.group.Rank(), r.next, r.places.end-1)
	}
	if len(gradients) != r.parts.count() {
		return fmt.Errorf("%d gradients for %d parameters", len(gradients), r.parts.count())
	}
	present := make(has, len(gradients))
	for i, x := range gradients {
		if present[i] = x != nil; present[i] && len(x) != r.options.Parts[i] {
			return fmt.Errorf("gradient %d has %d numbers, its parameter %d", i, len(x), r.options.Parts[i])
		}
	}
	r.reclaim()
	r.skip(place)
	r.addLeaf(node{span: span{place, place + 1}, has: present}, gradients)
	r.next = place + 1
	return nil
}

// skip makes the places before one absent.
func (r *Reduction) skip(place int) {
	for ; r.next < place; r.next++ {
		r.nodes = append(r.nodes, node{span: span{r.next, r.next + 1}})
		r.collapse()
	}
}

// addLeaf adds gradients to the block of their left sibling, or takes them into a block of their own.
func (r *Reduction) addLeaf(leaf node, gradients [][]float32) {
	wire := r.options.Wire
	if last := len(r.nodes) - 1; last >= 0 && r.nodes[last].block != nil && siblings(r.nodes[last].span, leaf.span, r.options.Places) {
		left := &r.nodes[last]
		for i, x := range gradients {
			if x != nil && left.has[i] {
				wire.add(r.parts.of(left.block, i), x)
			} else if x != nil {
				wire.take(r.parts.of(left.block, i), x)
			}
		}
		left.end, left.has = leaf.end, left.has.or(leaf.has)
	} else {
		if leaf.has.any() {
			leaf.block = r.newBlock()
			for i, x := range gradients {
				wire.take(r.parts.of(leaf.block, i)[:len(x)], x)
			}
		}
		r.nodes = append(r.nodes, leaf)
	}
	r.collapse()
}

// collapse adds the last nodes while they are siblings.
func (r *Reduction) collapse() {
	for n := len(r.nodes); n > 1 && siblings(r.nodes[n-2].span, r.nodes[n-1].span, r.options.Places); n = len(r.nodes) {
		left, right := &r.nodes[n-2], r.nodes[n-1]
		switch {
		case left.block == nil:
			left.block = right.block
		case right.block != nil:
			wire := r.options.Wire
			r.parts.join(0, r.parts.length(), left.has, right.has,
				func(lo, hi int) { wire.add(left.block[lo:hi], right.block[lo:hi]) },
				func(lo, hi int) { copy(left.block[lo:hi], right.block[lo:hi]) })
			r.free = append(r.free, right.block)
		}
		left.end, left.has = right.end, left.has.or(right.has)
		r.nodes = r.nodes[:n-1]
	}
}

// Finish makes the sum of all places of all processes, which all of them get: one slice per part, nil where no place had anything. It is valid until the
// next call of Add or Finish. The next step can then begin.
func (r *Reduction) Finish() ([][]float32, error) {
	r.reclaim()
	r.skip(r.places.end)
	mine := r.nodes
	r.nodes, r.next = nil, r.places.first
	sum := mine[0]
	if r.group.Size() > 1 {
		err := r.group.Do(func() (err error) {
			sum, err = r.exchange(mine)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	r.result = sum.block
	slices := make([][]float32, r.parts.count())
	for i := range slices {
		if sum.has != nil && sum.has[i] {
			slices[i] = r.parts.of(sum.block, i)
		}
	}
	return slices, nil
}

// Discard drops what was added since the last call of Finish: a step that is given up, by all processes together.
func (r *Reduction) Discard() {
	for _, n := range r.nodes {
		if n.block != nil {
			r.free = append(r.free, n.block)
		}
	}
	r.nodes, r.next = nil, r.places.first
}

// newBlock returns a block of any content.
func (r *Reduction) newBlock() []float32 {
	if n := len(r.free); n > 0 {
		block := r.free[n-1]
		r.free = r.free[:n-1]
		return block
	}
	return make([]float32, r.parts.length())
}

// reclaim takes back the block of the last result.
func (r *Reduction) reclaim() {
	if r.result != nil {
		r.free = append(r.free, r.result)
		r.result = nil
	}
}
