package collective

// own sums with slices that have owners. nodes are those of all processes that have anything, in the order of places.
//
// A segment of the slices passes three stages: its numbers of all nodes go to its owner (collect), the owner adds them and sends the sum (add), all
// receive the sum (settle). Several segments are in the first stage while an earlier one is in the second, and so on. All processes go through the
// stages in the same order, so that none waits for one that waits for it.
func (x exchange) own(nodes []known[[]float32]) ([]float32, error) {
	o := &owners{exchange: x, nodes: nodes, merges: x.mergesOf(nodes)}
	for _, n := range nodes {
		if n.rank == x.group.Rank() && o.result == nil {
			o.result = n.block
		}
	}
	if o.result == nil {
		var err error
		if o.result, err = x.newBlock(); err != nil {
			return nil, err
		}
	}
	count := 0
	o.slices = x.slices()
	for _, s := range o.slices {
		count = max(count, x.segments(s))
	}
	// Of each node a segment is on its way, so fewer segments keep a link busy, and memory for them is bounded.
	depth := max(2, 2*x.options.depth/len(nodes))
	o.collected, o.settling = make([]collected, depth), make([][]letter, depth)
	for i := range count + 2*depth {
		if done := i - 2*depth; done >= 0 && done < count {
			if err := x.finishAll(o.settling[done%depth]); err != nil {
				return nil, err
			}
		}
		if next := i - depth; next >= 0 && next < count {
			if err := o.add(next); err != nil {
				return nil, err
			}
		}
		if i < count {
			o.collected[i%depth] = o.collect(i)
		}
	}
	for _, n := range nodes { // what is not the result is free now
		if n.rank == x.group.Rank() && &n.block[0] != &o.result[0] {
			o.free = append(o.free, n.block)
		}
	}
	return o.result, nil
}

// owners is the state of a sum with owners.
type owners struct {
	exchange
	nodes     []known[[]float32]
	merges    []merge
	slices    []span // by rank
	result    []float32
	collected []collected // the segments in the first stage
	settling  [][]letter  // the segments in the last stage
}

// collected is a segment on its way to its owner.
type collected struct {
	received, sent []letter
	numbers        [][]float32 // of each node
}

// collect sends this process's numbers of a segment to their owners, and receives those that it owns.
func (o *owners) collect(i int) collected {
	var c collected
	rank, size := o.group.Rank(), o.group.Size()
	at := o.segment(o.slices[rank], i)
	for _, n := range o.nodes {
		numbers := n.block
		if at.first == at.end {
			break
		}
		if n.rank == rank {
			numbers = numbers[at.first:at.end]
		} else {
			numbers = o.pool.newFloats()[:at.end-at.first]
			c.received = append(c.received, o.receive(n.rank, o.tag, numbers))
		}
		c.numbers = append(c.numbers, numbers)
	}
	for d := 1; d < size; d++ { // not all to the same owner at once
		owner := (rank + d) % size
		at := o.segment(o.slices[owner], i)
		for _, n := range o.nodes {
			if n.rank == rank && at.first < at.end {
				c.sent = append(c.sent, o.send(owner, o.tag, n.block[at.first:at.end]))
			}
		}
	}
	return c
}

// add sums a segment of this process's slice, sends it to all, and begins to receive the other slices' sums. Those come to where the own
// numbers were, so these have to be sent by then.
func (o *owners) add(i int) error {
	c := o.collected[i%len(o.collected)]
	if err := o.finishAll(c.received); err != nil {
		return err
	}
	rank := o.group.Rank()
	at := o.segment(o.slices[rank], i)
	if at.first < at.end {
		o.sum(c.numbers, at)
	}
	for _, l := range c.received {
		o.pool.floats = append(o.pool.floats, l.numbers[:cap(l.numbers)])
	}
	if err := o.finishAll(c.sent); err != nil {
		return err
	}
	var letters []letter
	for d := 1; d < o.group.Size(); d++ {
		peer := (rank + d) % o.group.Size()
		if at.first < at.end {
			letters = append(letters, o.send(peer, o.tag+tags, o.result[at.first:at.end]))
		}
		if theirs := o.segment(o.slices[peer], i); theirs.first < theirs.end {
			letters = append(letters, o.receive(peer, o.tag+tags, o.result[theirs.first:theirs.end]))
		}
	}
	o.settling[i%len(o.settling)] = letters
	return nil
}

// sum adds the numbers of all nodes along the tree, into the result.
func (o *owners) sum(numbers [][]float32, at span) {
	have := make([]has, len(o.nodes))
	for i, n := range o.nodes {
		have[i] = n.has
	}
	for _, g := range o.merges {
		into, from := numbers[g.into], numbers[g.from]
		o.parts.join(at.first, at.end, have[g.into], have[g.from],
			func(lo, hi int) { o.options.Wire.add(into[lo-at.first:hi-at.first], from[lo-at.first:hi-at.first]) },
			func(lo, hi int) { copy(into[lo-at.first:hi-at.first], from[lo-at.first:hi-at.first]) })
		have[g.into] = have[g.into].or(have[g.from])
	}
	copy(o.result[at.first:at.end], numbers[0])
}
