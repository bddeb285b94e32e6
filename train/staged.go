package train

import (
	"errors"

	"scalenet/collective"
	"scalenet/engine"
	"scalenet/nn"
)

// Staged is a Model whose Backward knows the gradients in parts, one after the other. Several processes exchange a part while Backward computes the next.
type Staged interface {
	// Parts returns the parameters of each part, in any order. Parameters in none have no gradient.
	Parts() [][]*nn.Param
	// OnPart makes Backward call f with the gradients of each part but the last as soon as it knows them: as in Gradients, nil for the parameters of other
	// parts. They must stay valid until f returns. An error of f ends Backward.
	OnPart(f func(grads []engine.Memory) error)
}

// stagedSum sums in the host's memory, in parts. The exchange of each part but the last begins when the last batch's Backward knows its gradients.
type stagedSum struct {
	group      *collective.Group
	parts      []*hostSum
	part       int           // that the batch knows next
	place, end int           // of the batch, and of those of the step
	known      chan bool     // a value per part but the last
	exchanged  chan error    // the end of the exchange
	sums       [][][]float32 // of the parts exchanged
}

func newStagedSum(g *collective.Group, model Staged, optimizer *Optimizer, o collective.ReductionOptions) (groupSum, error) {
	parts := model.Parts()
	if len(parts) < 2 {
		return newHostSum(g, optimizer, optimizer.all(), o)
	}
	s := &stagedSum{group: g}
	for _, part := range parts {
		sum, err := newHostSum(g, optimizer, optimizer.among(part), o)
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, sum)
	}
	model.OnPart(s.addPart)
	return s, nil
}

// split returns the parts that are exchanged during Backward, and the last.
func (s *stagedSum) split() (early []*hostSum, last *hostSum) {
	n := len(s.parts) - 1
	return s.parts[:n], s.parts[n]
}

// Places implements groupSum.
func (s *stagedSum) Places() (first, end int) { return s.parts[0].Places() }

func (s *stagedSum) begin(batches int) {
	early, _ := s.split()
	s.place, s.end = s.Places()
	s.end = min(s.end, batches)
	s.part, s.sums = 0, nil
	s.known, s.exchanged = make(chan bool, len(early)), make(chan error, 1)
	go func() { s.exchanged <- s.exchange(early) }()
	for i := 0; s.place >= s.end && i < len(early); i++ { // a process without a batch
		s.known <- true
	}
}

// addPart adds the gradients of the batch's next part.
func (s *stagedSum) addPart(grads []engine.Memory) error {
	early, _ := s.split()
	if err := early[s.part].add(s.place, grads); err != nil {
		return err
	}
	if s.place == s.end-1 {
		s.known <- true
	}
	if s.part++; s.part == len(early) {
		s.part, s.place = 0, s.place+1
	}
	return nil
}

// exchange sums the early parts, one after the other, until a process has failed. Until settle, only it uses the group.
func (s *stagedSum) exchange(early []*hostSum) error {
	for _, part := range early {
		mine := []byte{0}
		if <-s.known {
			mine[0] = 1
		}
		all, err := s.group.AllGather(mine)
		if err != nil {
			return err
		}
		for _, known := range all {
			if known[0] == 0 {
				return nil
			}
		}
		sums, err := part.Finish()
		if err != nil {
			return err
		}
		s.sums = append(s.sums, sums)
	}
	return nil
}

func (s *stagedSum) settle() error {
	close(s.known) // what this process does not know now it has failed to compute
	return <-s.exchanged
}

func (s *stagedSum) add(place int, grads []engine.Memory) error {
	_, last := s.split()
	return last.add(place, grads)
}

func (s *stagedSum) finish(batches int) error {
	early, last := s.split()
	if len(s.sums) < len(early) {
		return errors.New("a step without all parts of its gradients")
	}
	if err := last.finish(batches); err != nil {
		return err
	}
	for i, part := range early {
		if err := part.optimizer.write(s.sums[i], part.of); err != nil {
			return err
		}
	}
	return nil
}

func (s *stagedSum) close(bool) error { return nil }
