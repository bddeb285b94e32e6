package collective

// halve sums by halving and doubling. nodes are one of each process, by rank; their number is a power of two.
func (x exchange) halve(nodes []known[[]float32]) ([]float32, error) {
	rank, block := x.group.Rank(), nodes[x.group.Rank()].block
	mine := span{0, x.parts.length()} // the range that this process sums
	var halves []span                 // the ranges that it gave away
	for d := 1; d < len(nodes); d *= 2 {
		peer := rank ^ d
		middle := mine.first + (mine.end-mine.first)/2
		keep, give := span{mine.first, middle}, span{middle, mine.end}
		if peer < rank {
			keep, give = give, keep
		}
		if err := x.swapHalves(peer, block, keep, give, nodesHave(nodes, rank, d), nodesHave(nodes, peer, d)); err != nil {
			return nil, err
		}
		mine, halves = keep, append(halves, give)
	}
	for d := len(nodes) / 2; d > 0; d /= 2 {
		other := halves[len(halves)-1]
		halves = halves[:len(halves)-1]
		if err := x.swapSums(rank^d, block, mine, other); err != nil {
			return nil, err
		}
		mine = span{min(mine.first, other.first), max(mine.end, other.end)}
	}
	return block, nil
}

// nodesHave returns what the sum over the d neighbours that include a rank has.
func nodesHave(nodes []known[[]float32], rank, d int) has {
	var sum has
	first := rank / d * d
	for _, n := range nodes[first : first+d] {
		sum = sum.or(n.has)
	}
	return sum
}

// swapHalves sends a range of the block and adds the peer's numbers to another.
func (x exchange) swapHalves(peer int, block []float32, keep, give span, mine, theirs has) error {
	take := func(l letter, at span) {
		in := l.numbers
		x.parts.join(at.first, at.end, mine, theirs,
			func(lo, hi int) { x.options.Wire.add(block[lo:hi], in[lo-at.first:hi-at.first]) },
			func(lo, hi int) { copy(block[lo:hi], in[lo-at.first:hi-at.first]) })
		x.pool.floats = append(x.pool.floats, in[:cap(in)])
	}
	into := func(at span) []float32 { return x.pool.newFloats()[:at.end-at.first] }
	return x.swap(peer, block, keep, give, into, take)
}

// swapSums sends a range of the block that is summed up and receives another.
func (x exchange) swapSums(peer int, block []float32, mine, other span) error {
	into := func(at span) []float32 { return block[at.first:at.end] }
	return x.swap(peer, block, other, mine, into, func(letter, span) {})
}

// swap sends a range of the block and receives another from the same peer, segment by segment. into gives the memory of a segment, take gets it filled.
func (x exchange) swap(peer int, block []float32, in, out span, into func(at span) []float32, take func(l letter, at span)) error {
	type flying struct{ in, out letter }
	depth, count := x.options.depth, max(x.segments(in), x.segments(out))
	under := make([]flying, depth)
	for i := range count + depth {
		if done := i - depth; done >= 0 && done < count {
			f := under[done%depth]
			if at := x.segment(in, done); at.first < at.end {
				if err := x.finish(f.in); err != nil {
					return err
				}
				take(f.in, at)
			}
			if at := x.segment(out, done); at.first < at.end {
				if err := x.finish(f.out); err != nil {
					return err
				}
			}
		}
		if i >= count {
			continue
		}
		var f flying
		if at := x.segment(in, i); at.first < at.end {
			f.in = x.receive(peer, x.tag, into(at))
		}
		if at := x.segment(out, i); at.first < at.end {
			f.out = x.send(peer, x.tag, block[at.first:at.end])
		}
		under[i%depth] = f
	}
	return nil
}
