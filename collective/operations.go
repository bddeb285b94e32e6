package collective

import "fmt"

// tags is the number of tags of collective operations. MPI allows tags up to 32767.
const tags = 16384

// piece is how many bytes of a broadcast travel at once.
const piece = 4 << 20

// tag returns two tags for the next collective operation, the second is the result plus tags. If processes call different operations, their
// messages do not match, and the time limit ends the wait. 0 is for Send and Receive.
func (g *Group) tag() int {
	g.operations++
	return 1 + g.operations%(tags-1)
}

// Barrier waits until all processes have called it.
func (g *Group) Barrier() error {
	_, err := g.collect("barrier", nil, everyone)
	return err
}

// Gather gives process 0 the blocks of all processes, by rank, and nil to the others. The blocks may differ in length.
func (g *Group) Gather(block []byte) ([][]byte, error) {
	return g.collect("gather", block, func(rank int) bool { return rank == 0 })
}

// AllGather gives all processes the blocks of all processes, by rank. The blocks may differ in length. Decisions that all take
// together are made of it: each tells what it knows, and all conclude the same.
func (g *Group) AllGather(block []byte) ([][]byte, error) {
	return g.collect("gather to all", block, everyone)
}

// everyone takes what collect gives.
func everyone(int) bool { return true }

// collect gives the blocks of all processes to those that take them. Each process hears from each other one directly, so that an error
// names the one that is missing.
func (g *Group) collect(operation string, block []byte, takes func(rank int) bool) ([][]byte, error) {
	if g.broken != nil {
		return nil, g.broken
	}
	tag := g.tag()
	var all [][]byte
	err := g.Do(func() error {
		length := []int64{int64(len(block))}
		var sent []*Transfer
		for i := 1; i < g.size; i++ {
			if to := (g.rank + i) % g.size; takes(to) {
				sent = append(sent, g.begin(operation, false, to, tag, Bytes(length)), g.begin(operation, false, to, tag+tags, block))
			}
		}
		if takes(g.rank) {
			var err error
			if all, err = g.take(operation, tag, block); err != nil {
				return err
			}
		}
		return waitAll(sent)
	})
	return all, err
}

// take receives the blocks that collect sends.
func (g *Group) take(operation string, tag int, own []byte) ([][]byte, error) {
	lengths := make([]int64, g.size)
	transfers := make([]*Transfer, 0, g.size)
	for rank := range g.size {
		if rank != g.rank {
			transfers = append(transfers, g.begin(operation, true, rank, tag, Bytes(lengths[rank:rank+1])))
		}
	}
	if err := waitAll(transfers); err != nil {
		return nil, err
	}
	transfers = transfers[:0]
	all := make([][]byte, g.size)
	for rank, n := range lengths {
		if rank == g.rank {
			all[rank] = own
			continue
		}
		all[rank] = make([]byte, n)
		transfers = append(transfers, g.begin(operation, true, rank, tag+tags, all[rank]))
	}
	return all, waitAll(transfers)
}

// Broadcast copies process from's block to those of all others, which have the same length. The block goes along a tree: whoever has a
// piece of it passes it on.
func (g *Group) Broadcast(from int, block []byte) error {
	const operation = "broadcast"
	if g.broken != nil {
		return g.broken
	}
	if from < 0 || from >= g.size {
		return g.error(operation, -1, fmt.Errorf("there is no rank %d", from))
	}
	tag := g.tag()
	place := (g.rank - from + g.size) % g.size // in the tree, whose root is 0
	rank := func(place int) int { return (place + from) % g.size }
	above := 1 // the distance to the parent: the lowest bit of place
	for place != 0 && place&above == 0 || place == 0 && above < g.size {
		above *= 2
	}
	return g.Do(func() error {
		var received, sent []*Transfer
		for at := 0; at < len(block) && place != 0; at += piece {
			received = append(received, g.begin(operation, true, rank(place-above), tag, block[at:min(at+piece, len(block))]))
		}
		for at := 0; at < len(block); at += piece {
			if place != 0 {
				if err := received[at/piece].Wait(); err != nil {
					return err
				}
			}
			for d := above / 2; d > 0; d /= 2 {
				if place+d < g.size {
					sent = append(sent, g.begin(operation, false, rank(place+d), tag, block[at:min(at+piece, len(block))]))
				}
			}
		}
		return waitAll(sent)
	})
}
