package collective

import "fmt"

// known is what a process knows of a node: all of its own, of another's the places and what it has.
type known[B any] struct {
	node[B]
	rank int
}

// tell lets all processes know which parts the nodes of all have.
func (t *tally[B]) tell(mine []node[B]) ([]known[B], error) {
	count, m := t.parts.count(), t.options.Places
	bits := make([]byte, len(mine)*count)
	for i, n := range mine {
		for part, present := range n.has {
			if present {
				bits[i*count+part] = 1
			}
		}
	}
	bitsOf, err := t.group.collect(summing, bits, everyone)
	if err != nil {
		return nil, err
	}
	var nodes []known[B]
	for rank, bits := range bitsOf {
		spans := nodesOf(placesOf(rank, t.group.Size(), m), m)
		if len(bits) != len(spans)*count {
			return nil, t.group.fail(summing, rank, fmt.Errorf("%d nodes are expected, it has %d", len(spans), len(bits)/max(count, 1)))
		}
		for i, places := range spans {
			n := known[B]{rank: rank, node: node[B]{span: places, has: make(has, count)}}
			for part := range count {
				n.has[part] = bits[i*count+part] != 0
			}
			if rank == t.group.Rank() {
				n.block = mine[i].block
			}
			nodes = append(nodes, n)
		}
	}
	return nodes, nil
}

// present returns those of the nodes that have anything, as what has nothing takes no part, and the sum of all, without its block.
func (t *tally[B]) present(nodes []known[B]) (sum node[B], present []known[B]) {
	sum.span = span{0, t.options.Places}
	for _, n := range nodes {
		if sum.has = sum.has.or(n.has); n.has.any() {
			present = append(present, n)
		}
	}
	return sum, present
}

// mergesOf returns the additions of the tree among nodes that have anything.
func (t *tally[B]) mergesOf(nodes []known[B]) []merge {
	m := t.options.Places
	var spans []span
	var index []int // in nodes, -1 for a node without anything
	next := 0
	for rank := range t.group.Size() {
		for _, s := range nodesOf(placesOf(rank, t.group.Size(), m), m) {
			spans = append(spans, s)
			if next < len(nodes) && nodes[next].span == s {
				index = append(index, next)
				next++
			} else {
				index = append(index, -1)
			}
		}
	}
	var merges []merge
	for _, g := range mergesOf(spans, m) {
		switch into, from := index[g.into], index[g.from]; {
		case from < 0: // x + absent = x
		case into < 0:
			index[g.into] = from
		default:
			merges = append(merges, merge{into, from})
		}
	}
	return merges
}

// slices returns the slice of a block that each process owns.
func (t *tally[B]) slices() (list []span) {
	size := t.group.Size()
	for rank := range size {
		list = append(list, span{t.parts.length() * rank / size, t.parts.length() * (rank + 1) / size})
	}
	return list
}
