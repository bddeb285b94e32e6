package train

import (
	"scalenet/collective"
	"scalenet/engine"
)

// roundedSum is the sum of a process that trains alone, with the rounding of train.wire: the same that several processes make.
type roundedSum struct {
	*hostSum
	place    int // of the next batch
	finished bool
}

func newRoundedSum(o *Optimizer, c Config) (*roundedSum, error) {
	alone := collective.NewLocal(1, collective.Options{})[0]
	sum, err := newHostSum(alone, o, o.all(), collective.ReductionOptions{Places: c.Accumulate, Wire: c.Wire.on()})
	return &roundedSum{hostSum: sum}, err
}

func (r *roundedSum) add(_ []trained, grads []engine.Memory) error {
	r.place++
	return r.hostSum.add(r.place-1, grads)
}

func (r *roundedSum) finish([]trained) error {
	if r.finished || r.place == 0 {
		return nil
	}
	r.finished = true
	sums, err := r.Finish()
	if err != nil {
		return err
	}
	return r.optimizer.write(sums, r.of)
}

func (r *roundedSum) drop() {
	r.Discard()
	r.place, r.finished = 0, false
}
