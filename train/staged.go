package train

import (
	"errors"
	"slices"

	"scalenet/collective"
	"scalenet/engine"
)

// Staged is a Model that knows some gradients before the end of Backward. Several processes exchange these meanwhile.
type Staged interface {
	// Early reports for each parameter of Params whether its gradient is known early.
	Early() ([]bool, error)
	// OnEarly makes Backward call f as soon as it knows the early gradients: as in Gradients, nil for the other parameters. They must stay valid until
	// f returns. An error of f ends Backward.
	OnEarly(f func(grads []engine.Memory) error)
}

// stagedSum sums in the host's memory, in two parts. The exchange of the early part runs during the rest of the last batch's Backward.
type stagedSum struct {
	group       *collective.Group
	early, late *hostSum
	place, end  int // of the batches whose early gradients are missing
	exchanged   chan error
	sums        [][]float32 // of the early part; nil if a process failed before
}

func newStagedSum(g *collective.Group, model Staged, optimizer *Optimizer, o collective.ReductionOptions) (groupSum, error) {
	isEarly, err := model.Early()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(isEarly, true) {
		return newHostSum(g, optimizer, optimizer.all(), o)
	}
	var early, late []int
	for i, t := range optimizer.trained {
		if isEarly[t.index] {
			early = append(early, i)
		} else {
			late = append(late, i)
		}
	}
	s := &stagedSum{group: g}
	if s.early, err = newHostSum(g, optimizer, early, o); err != nil {
		return nil, err
	}
	if s.late, err = newHostSum(g, optimizer, late, o); err != nil {
		return nil, err
	}
	model.OnEarly(s.addEarly)
	return s, nil
}

// Places implements groupSum.
func (s *stagedSum) Places() (first, end int) { return s.late.Places() }

func (s *stagedSum) begin(batches int) {
	s.place, s.end = s.Places()
	if s.end = min(s.end, batches); s.place >= s.end {
		s.exchange(true) // an empty part of the step
	}
}

// addEarly adds the early gradients of the next batch, and after the last begins their exchange.
func (s *stagedSum) addEarly(grads []engine.Memory) error {
	if err := s.early.add(s.place, grads); err != nil {
		return err
	}
	if s.place++; s.place == s.end {
		s.exchange(true)
	}
	return nil
}

// exchange begins to sum the early gradients, unless a process has failed. Until settle, only it uses the group.
func (s *stagedSum) exchange(ready bool) {
	s.exchanged, s.sums = make(chan error, 1), nil
	go func() {
		mine := []byte{0}
		if ready {
			mine[0] = 1
		}
		all, err := s.group.AllGather(mine)
		if err == nil && !slices.ContainsFunc(all, func(b []byte) bool { return b[0] == 0 }) {
			s.sums, err = s.early.Finish()
		}
		s.exchanged <- err
	}()
}

func (s *stagedSum) settle() error {
	if s.exchanged == nil { // this process has failed
		s.exchange(false)
	}
	err := <-s.exchanged
	s.exchanged = nil
	return err
}

func (s *stagedSum) add(place int, grads []engine.Memory) error { return s.late.add(place, grads) }

func (s *stagedSum) finish(batches int) error {
	if s.sums == nil {
		return errors.New("a step without its early gradients")
	}
	if err := s.late.finish(batches); err != nil {
		return err
	}
	return s.early.optimizer.write(s.sums, s.early.of)
}

func (s *stagedSum) close(bool) error { return nil }
