package collective

import "fmt"

// tally sums the gradients of this process's places along the tree, in blocks of some kind of memory. B is a block as well as a gradient.
type tally[B any] struct {
	group   *Group
	options ReductionOptions
	parts   parts
	places  span
	next    int // the first place that has not been added
	nodes   []node[B]
	memory  blocks[B]
	free    []B // for reuse
	result  []B // what Finish returned, free after the next call of Add
}

// node is a sum over places of this process. What it does not have is undefined in the block.
type node[B any] struct {
	span
	has   has
	block B // undefined if it has nothing
}

// blocks are the memory of sums.
type blocks[B any] interface {
	// new returns a block of any content.
	new() (B, error)
	// length returns the numbers of a part's gradient, -1 if it is absent.
	length(gradient B, part int) int
	// take puts a gradient into a part of a block, add adds it.
	take(into B, part int, gradient B) error
	add(into B, part int, gradient B) error
	// joinAll adds the parts that a node has to those of another.
	joinAll(into, from node[B]) error
}

func newTally[B any](g *Group, o ReductionOptions, p parts, memory blocks[B]) tally[B] {
	places := placesOf(g.Rank(), g.Size(), o.Places)
	return tally[B]{group: g, options: o, parts: p, places: places, next: places.first, memory: memory}
}

// agree compares the options of all processes.
func (t *tally[B]) agree() error {
	mine := []int64{int64(t.options.Places), int64(t.options.Wire), int64(t.options.segment), int64(len(t.options.Parts))}
	names := []string{"micro-batches a step", "on the wire", "numbers in a segment", "parameters"}
	for i, n := range t.options.Parts {
		mine, names = append(mine, int64(n)), append(names, fmt.Sprintf("numbers in parameter %d", i))
	}
	all, err := t.group.collect(summing, Bytes(mine), everyone)
	if err != nil {
		return err
	}
	for rank, block := range all {
		theirs := Numbers[int64](block)
		for i := range min(len(mine), len(theirs)) { // the number of parameters comes first
			if theirs[i] != mine[i] {
				return t.group.error(summing, rank, fmt.Errorf("the processes differ: %s: %d here, %d there", names[i], mine[i], theirs[i]))
			}
		}
	}
	if t.options.Places < t.group.Size() {
		return fmt.Errorf("%d micro-batches a step are too few for %d processes", t.options.Places, t.group.Size())
	}
	return nil
}

// Places returns the places of this process: from first up to but without end.
func (t *tally[B]) Places() (first, end int) { return t.places.first, t.places.end }

// Add adds the gradients of the micro-batch at a place, one per part, nil where it has none. Places come in ascending order. A place that is left out
// has nothing. The gradients are not kept.
func (t *tally[B]) Add(place int, gradients []B) error {
	if place < t.next || place >= t.places.end {
		return fmt.Errorf("place %d: the next of rank %d is %d, the last %d", place, t.group.Rank(), t.next, t.places.end-1)
	}
	if len(gradients) != t.parts.count() {
		return fmt.Errorf("%d gradients for %d parameters", len(gradients), t.parts.count())
	}
	present := make(has, len(gradients))
	for i, x := range gradients {
		n := t.memory.length(x, i)
		if present[i] = n >= 0; present[i] && n != t.options.Parts[i] {
			return fmt.Errorf("gradient %d has %d numbers, its parameter %d", i, n, t.options.Parts[i])
		}
	}
	t.reclaim()
	if err := t.skip(place); err != nil {
		return err
	}
	if err := t.addLeaf(node[B]{span: span{place, place + 1}, has: present}, gradients); err != nil {
		return err
	}
	t.next = place + 1
	return nil
}

// skip makes the places before one absent.
func (t *tally[B]) skip(place int) error {
	for ; t.next < place; t.next++ {
		t.nodes = append(t.nodes, node[B]{span: span{t.next, t.next + 1}})
		if err := t.collapse(); err != nil {
			return err
		}
	}
	return nil
}

// addLeaf adds gradients to the block of their left sibling, or takes them into a block of their own.
func (t *tally[B]) addLeaf(leaf node[B], gradients []B) (err error) {
	last := len(t.nodes) - 1
	if last < 0 || !t.nodes[last].has.any() || !siblings(t.nodes[last].span, leaf.span, t.options.Places) {
		if leaf.has.any() {
			if leaf.block, err = t.newBlock(); err != nil {
				return err
			}
		}
		t.nodes = append(t.nodes, node[B]{span: span{leaf.first, leaf.first}, block: leaf.block})
		last++
	}
	sum := &t.nodes[last]
	for i, x := range gradients {
		if !leaf.has[i] {
			continue
		}
		put := t.memory.take
		if sum.has != nil && sum.has[i] {
			put = t.memory.add
		}
		if err := put(sum.block, i, x); err != nil {
			return err
		}
	}
	sum.end, sum.has = leaf.end, sum.has.or(leaf.has)
	return t.collapse()
}

// collapse adds the last nodes while they are siblings.
func (t *tally[B]) collapse() error {
	for n := len(t.nodes); n > 1 && siblings(t.nodes[n-2].span, t.nodes[n-1].span, t.options.Places); n = len(t.nodes) {
		left, right := &t.nodes[n-2], t.nodes[n-1]
		switch {
		case !right.has.any():
		case !left.has.any():
			left.block = right.block
		default:
			if err := t.memory.joinAll(*left, right); err != nil {
				return err
			}
			t.free = append(t.free, right.block)
		}
		left.end, left.has = right.end, left.has.or(right.has)
		t.nodes = t.nodes[:n-1]
	}
	return nil
}

// close ends the places of a step and returns their nodes.
func (t *tally[B]) close() ([]node[B], error) {
	t.reclaim()
	if err := t.skip(t.places.end); err != nil {
		return nil, err
	}
	mine := t.nodes
	t.nodes, t.next = nil, t.places.first
	return mine, nil
}

// Discard drops what was added since the last call of Finish: a step that is given up, by all processes together.
func (t *tally[B]) Discard() {
	for _, n := range t.nodes {
		if n.has.any() {
			t.free = append(t.free, n.block)
		}
	}
	t.nodes, t.next = nil, t.places.first
}

// newBlock returns a block of any content.
func (t *tally[B]) newBlock() (B, error) {
	if n := len(t.free); n > 0 {
		block := t.free[n-1]
		t.free = t.free[:n-1]
		return block, nil
	}
	return t.memory.new()
}

// give makes a sum's block the result, which is free after the next call of Add.
func (t *tally[B]) give(sum node[B]) {
	if sum.has.any() {
		t.result = append(t.result, sum.block)
	}
}

// reclaim takes back the block of the last result.
func (t *tally[B]) reclaim() {
	t.free = append(t.free, t.result...)
	t.result = nil
}
