package collective

// span is the places [first, end) of a node of the tree.
type span struct{ first, end int }

// siblings tells whether two neighbouring nodes are added in the tree over places 0 to m-1: x[i] += x[i+d] where a is node i of width d, and b is
// node i+d, which the end of the places may cut.
func siblings(a, b span, m int) bool {
	d := a.end - a.first
	return d&(d-1) == 0 && a.first%(2*d) == 0 && b.end == min(a.first+2*d, m)
}

// placesOf returns the places of a process.
func placesOf(rank, size, m int) span { return span{m * rank / size, m * (rank + 1) / size} }

// nodesOf returns the largest whole nodes of the tree in which places are.
func nodesOf(places span, m int) []span {
	var nodes []span
	for p := places.first; p < places.end; p++ {
		nodes = append(nodes, span{p, p + 1})
		for n := len(nodes); n > 1 && siblings(nodes[n-2], nodes[n-1], m); n = len(nodes) {
			nodes[n-2].end = nodes[n-1].end
			nodes = nodes[:n-1]
		}
	}
	return nodes
}

// merge is one addition of the tree: node into += node from, as indices of a list of nodes.
type merge struct{ into, from int }

// mergesOf returns the additions that make one sum, in the first node, of nodes that have all places.
func mergesOf(nodes []span, m int) []merge {
	var merges []merge
	var open []int // indices of nodes without a sibling yet
	sums := append([]span(nil), nodes...)
	for i := range sums {
		open = append(open, i)
		for n := len(open); n > 1 && siblings(sums[open[n-2]], sums[open[n-1]], m); n = len(open) {
			sums[open[n-2]].end = sums[open[n-1]].end
			merges = append(merges, merge{open[n-2], open[n-1]})
			open = open[:n-1]
		}
	}
	return merges
}

// powerOfTwo tells whether n is 1, 2, 4, ...
func powerOfTwo(n int) bool { return n > 0 && n&(n-1) == 0 }
