package collective

// ReductionBytes returns the memory in bytes that a Reduction of so many numbers takes in this process, without segments on their way.
func (g *Group) ReductionBytes(numbers, places int) int {
	return 4 * numbers * blocksFor(placesOf(g.rank, g.size, places), places)
}

// DeviceReductionBytes returns the memory in bytes that a DeviceReduction of so many numbers takes on the device of this process: its blocks, the numbers of
// others' nodes, and what is on its way in bfloat16.
func (g *Group) DeviceReductionBytes(numbers, places int, wire Wire) int {
	own, others := 0, 0
	for rank := range g.size {
		n := len(nodesOf(placesOf(rank, g.size, places), places))
		if rank == g.rank {
			own = n
		} else {
			others += n
		}
	}
	slice := numbers / g.size
	bytes := g.ReductionBytes(numbers, places) + 4*others*slice
	if wire == BFloat16 {
		bytes += 2 * max(own*(numbers-slice)+others*slice, 2*(numbers-slice))
	}
	return bytes
}

// blocksFor returns the most blocks at once for the sums over the places of a process: a place whose left sibling is complete needs none of its own.
func blocksFor(places span, m int) int {
	var nodes []span
	most := 0
	for p := places.first; p < places.end; p++ {
		leaf := span{p, p + 1}
		if n := len(nodes); n > 0 && siblings(nodes[n-1], leaf, m) {
			nodes[n-1].end = leaf.end
		} else {
			nodes = append(nodes, leaf)
		}
		most = max(most, len(nodes))
		for n := len(nodes); n > 1 && siblings(nodes[n-2], nodes[n-1], m); n = len(nodes) {
			nodes[n-2].end = nodes[n-1].end
			nodes = nodes[:n-1]
		}
	}
	return most
}
