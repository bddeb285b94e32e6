package collective

import "cmp"

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
	tally[[]float32]
	pool segments
}

// NewReduction prepares sums. All processes must give the same options; it is an error if they do not.
func NewReduction(g *Group, o ReductionOptions) (*Reduction, error) {
	o.segment, o.depth = cmp.Or(o.segment, 1<<18), cmp.Or(o.depth, 16)
	r := &Reduction{pool: segments{numbers: o.segment}}
	r.tally = newTally(g, o, newParts(o.Parts), hostBlocks{newParts(o.Parts), o.Wire})
	if err := r.agree(); err != nil {
		return nil, err
	}
	return r, nil
}

// Finish makes the sum of all places of all processes, which all of them get: one slice per part, nil where no place had anything. It is valid until the
// next call of Add or Finish. The next step can then begin.
func (r *Reduction) Finish() ([][]float32, error) {
	mine, err := r.close()
	if err != nil {
		return nil, err
	}
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
	r.give(sum)
	slices := make([][]float32, r.parts.count())
	for i := range slices {
		if sum.has != nil && sum.has[i] {
			slices[i] = r.parts.of(sum.block, i)
		}
	}
	return slices, nil
}

// hostBlocks are blocks in the host's memory.
type hostBlocks struct {
	parts parts
	wire  Wire
}

func (h hostBlocks) new() ([]float32, error) { return make([]float32, h.parts.length()), nil }

func (h hostBlocks) length(gradient []float32, _ int) int {
	if gradient == nil {
		return -1
	}
	return len(gradient)
}

func (h hostBlocks) take(into []float32, part int, gradient []float32) error {
	h.wire.take(h.parts.of(into, part), gradient)
	return nil
}

func (h hostBlocks) add(into []float32, part int, gradient []float32) error {
	h.wire.add(h.parts.of(into, part), gradient)
	return nil
}

func (h hostBlocks) joinAll(into, from node[[]float32]) error {
	h.parts.join(0, h.parts.length(), into.has, from.has,
		func(lo, hi int) { h.wire.add(into.block[lo:hi], from.block[lo:hi]) },
		func(lo, hi int) { copy(into.block[lo:hi], from.block[lo:hi]) })
	return nil
}
