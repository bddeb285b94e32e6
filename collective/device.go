package collective

import (
	"errors"

	"scalenet/engine"
)

// DeviceReduction is a Reduction of gradients in the memory of devices that are linked, such as GPUs with NCCL. Its sums have the bits of a Reduction.
// They do not pass through the host.
//
// Processes exchange their nodes by slices with owners, each slice in one message.
type DeviceReduction struct {
	tally[engine.Memory]
	deviceBlocks
	spare engine.Memory // the numbers of others' nodes
	bytes int           // of spare
	// abandoned is whether Close waits for no other process.
	abandoned bool
}

// deviceBlocks are blocks in a device's memory.
type deviceBlocks struct {
	device engine.Linker
	link   engine.Link
	parts  parts // begin at multiples of engine.Alignment
	counts []int // their numbers, without what fills them up
	rounds bool
	made   map[engine.Memory][]engine.Memory // all blocks, and the memory of each part
}

// floats is the numbers that fill engine.Alignment.
const floats = engine.Alignment / 4

// NewDeviceReduction connects the devices of all processes, of which each needs its own, and prepares sums. All processes must give the same options.
// A [*NoLinkError] says why devices cannot be linked; all processes get one then, and the group goes on.
func NewDeviceReduction(g *Group, device engine.Linker, o ReductionOptions) (*DeviceReduction, error) {
	link, err := connect(g, device)
	if err != nil {
		return nil, err
	}
	var padded []int
	for _, n := range o.Parts {
		padded = append(padded, (n+floats-1)/floats*floats)
	}
	r := &DeviceReduction{deviceBlocks: deviceBlocks{device, link, newParts(padded), o.Parts, o.Wire == BFloat16, map[engine.Memory][]engine.Memory{}}}
	r.tally = newTally(g, o, r.deviceBlocks.parts, r.deviceBlocks)
	if err := r.agree(); err != nil {
		r.abandoned = true
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Finish makes the sum of all places of all processes, which all of them get: the memory of each part, nil where no place had anything. It is valid
// until the next call of Add or Finish.
func (r *DeviceReduction) Finish() ([]engine.Memory, error) {
	mine, err := r.close()
	if err != nil {
		return nil, err
	}
	sum, err := r.exchange(mine)
	if err != nil {
		return nil, err
	}
	r.give(sum)
	list := make([]engine.Memory, r.tally.parts.count())
	for i := range list {
		if sum.has != nil && sum.has[i] {
			list[i] = r.made[sum.block][i]
		}
	}
	return list, nil
}

// exchange sums the nodes of all processes.
func (r *DeviceReduction) exchange(mine []node[engine.Memory]) (sum node[engine.Memory], err error) {
	nodes, err := r.tell(mine)
	if err != nil {
		return sum, err
	}
	sum, present := r.present(nodes)
	if len(present) == 0 || r.tally.parts.length() == 0 {
		return sum, nil
	}
	if sum.block, err = r.own(present); err != nil {
		r.link.Abort() // at once: whatever waits for the device now would wait for the link's work, without a limit
		return sum, r.group.fail(summing, -1, err)
	}
	return sum, nil
}

// own gets the numbers of this process's slice from all nodes, adds them, and gives all processes the sum.
func (r *DeviceReduction) own(nodes []known[engine.Memory]) (engine.Memory, error) {
	rank, slices := r.group.Rank(), r.slices()
	slice := slices[rank]
	length := slice.end - slice.first
	numbers, err := r.collect(nodes, slices)
	if err != nil {
		return nil, err
	}
	have := make([]has, len(nodes))
	for i, n := range nodes {
		have[i] = n.has
	}
	for _, g := range r.mergesOf(nodes) {
		if err := r.join(numbers[g.into], numbers[g.from], slice, have[g.into], have[g.from]); err != nil {
			return nil, err
		}
		have[g.into] = have[g.into].or(have[g.from])
	}
	var result engine.Memory
	for _, n := range nodes {
		switch {
		case n.rank != rank:
		case result == nil:
			result = n.block
		default:
			r.free = append(r.free, n.block)
		}
	}
	if result == nil {
		if result, err = r.newBlock(); err != nil {
			return nil, err
		}
	}
	total := engine.Floats{Mem: result, From: slice.first, Len: length}
	if numbers[0] != total && length > 0 {
		if err := r.link.Take(total, numbers[0], false); err != nil {
			return nil, err
		}
	}
	return result, r.spread(total, slices)
}

// collect sends this process's numbers to the owners of their slices. It returns the numbers of this process's slice in all nodes.
func (r *DeviceReduction) collect(nodes []known[engine.Memory], slices []span) (numbers []engine.Floats, err error) {
	rank := r.group.Rank()
	length := slices[rank].end - slices[rank].first
	others := 0
	for _, n := range nodes {
		if n.rank != rank {
			others++
		}
	}
	if err := r.reserve(4 * others * length); err != nil {
		return nil, err
	}
	var send, receive []engine.Parcel
	for _, n := range nodes {
		if n.rank != rank {
			at := engine.Floats{Mem: r.spare, From: len(receive) * length, Len: length}
			receive, numbers = append(receive, engine.Parcel{Peer: n.rank, Floats: at}), append(numbers, at)
			continue
		}
		numbers = append(numbers, engine.Floats{Mem: n.block, From: slices[rank].first, Len: length})
		for owner, s := range slices {
			if owner != rank {
				send = append(send, engine.Parcel{Peer: owner, Floats: engine.Floats{Mem: n.block, From: s.first, Len: s.end - s.first}})
			}
		}
	}
	return numbers, r.link.Exchange(send, receive, r.rounds)
}

// spread sends the sum of this process's slice to all others, and receives those of theirs.
func (r *DeviceReduction) spread(total engine.Floats, slices []span) error {
	var send, receive []engine.Parcel
	for owner, s := range slices {
		if owner != r.group.Rank() {
			send = append(send, engine.Parcel{Peer: owner, Floats: total})
			receive = append(receive, engine.Parcel{Peer: owner, Floats: engine.Floats{Mem: total.Mem, From: s.first, Len: s.end - s.first}})
		}
	}
	if err := r.link.Exchange(send, receive, r.rounds); err != nil {
		return err
	}
	return r.link.Wait()
}

// reserve makes the spare memory at least so large. No work is under way.
func (r *DeviceReduction) reserve(bytes int) (err error) {
	if r.spare != nil && bytes <= r.bytes {
		return nil
	}
	if r.spare != nil {
		r.device.Free(r.spare)
	}
	if r.spare, err = r.device.Alloc(bytes); err == nil {
		r.bytes = bytes
	}
	return err
}

// Close ends the link, together with the other processes unless the group has failed, and frees the memory.
func (r *DeviceReduction) Close() error {
	var err error
	if r.abandoned || r.group.broken != nil {
		r.link.Abort()
	} else {
		err = r.link.Close()
	}
	for block := range r.made {
		r.device.Free(block)
	}
	if r.spare != nil {
		r.device.Free(r.spare)
	}
	return err
}

// Abandon makes Close wait for no other process.
func (r *DeviceReduction) Abandon() { r.abandoned = true }

func (d deviceBlocks) new() (engine.Memory, error) {
	block, err := d.device.Alloc(4 * d.parts.length())
	if err != nil {
		return nil, err
	}
	parts := make([]engine.Memory, d.parts.count())
	for i := range parts {
		if parts[i], err = d.device.Part(block, 4*d.parts.begin[i], 4*d.counts[i]); err != nil {
			d.device.Free(block)
			return nil, err
		}
	}
	d.made[block] = parts
	return block, nil
}

// length is that of the part also of memory that is larger.
func (d deviceBlocks) length(gradient engine.Memory, part int) int {
	if gradient == nil {
		return -1
	}
	return min(gradient.Bytes()/4, d.counts[part])
}

func (d deviceBlocks) take(into engine.Memory, part int, gradient engine.Memory) error {
	return d.link.Take(d.part(into, part), engine.Floats{Mem: gradient, Len: d.counts[part]}, d.rounds)
}

func (d deviceBlocks) add(into engine.Memory, part int, gradient engine.Memory) error {
	return d.link.Add(d.part(into, part), engine.Floats{Mem: gradient, Len: d.counts[part]}, d.rounds)
}

func (d deviceBlocks) part(block engine.Memory, i int) engine.Floats {
	return engine.Floats{Mem: block, From: d.parts.begin[i], Len: d.counts[i]}
}

func (d deviceBlocks) joinAll(into, from node[engine.Memory]) error {
	whole := span{0, d.parts.length()}
	return d.join(engine.Floats{Mem: into.block, Len: whole.end}, engine.Floats{Mem: from.block, Len: whole.end}, whole, into.has, from.has)
}

// join adds the numbers of a range of one node to those of another.
func (d deviceBlocks) join(into, from engine.Floats, at span, intoHas, fromHas has) (err error) {
	each := func(do func(dst, src engine.Floats, rounds bool) error) func(lo, hi int) {
		return func(lo, hi int) {
			if err == nil {
				err = do(engine.Floats{Mem: into.Mem, From: into.From + lo - at.first, Len: hi - lo}, engine.Floats{Mem: from.Mem, From: from.From + lo - at.first, Len: hi - lo}, d.rounds)
			}
		}
	}
	d.parts.join(at.first, at.end, intoHas, fromHas, each(d.link.Add), each(d.link.Take))
	return err
}
