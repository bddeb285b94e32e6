package detector

import (
	"fmt"
	"time"

	"scalenet/engine"
	"scalenet/roi"
)

// stream is a device that computes batches, one after the other, with the plans that are compiled for it.
type stream struct {
	dev     engine.Device
	store   *engine.Store
	model   *Model
	options Options
	plans   []*sizedInference // the most recently used last
	known   time.Time         // when the box head of the last finished batch completed
}

type sizedInference struct {
	size batchSize
	*inference
}

// close frees the compiled plans.
func (s *stream) close() {
	for _, p := range s.plans {
		p.close()
	}
	s.plans = nil
}

// bytes returns the memory of the compiled plans.
func (s *stream) bytes() (n int) {
	for _, p := range s.plans {
		n += p.bytes()
	}
	return n
}

// plan returns the plans for batches of a size with at least the needed capacity, and compiles them if necessary. Then it closes
// the least recently used ones beyond Options.PlanBytes.
func (s *stream) plan(size batchSize, need capacity) (*inference, error) {
	for i, p := range s.plans {
		if p.size != size || (p.capacity.bytes > 0) != (need.bytes > 0) {
			continue
		}
		s.plans = append(s.plans[:i], s.plans[i+1:]...)
		if p.capacity.union(need) == p.capacity {
			s.plans = append(s.plans, p)
			return p.inference, nil
		}
		need = need.union(p.capacity)
		p.close()
		break
	}
	p, err := s.model.compileInference(s.dev, s.store, size, need, s.options)
	if err != nil {
		return nil, err
	}
	s.plans = append(s.plans, &sizedInference{size, p})
	for len(s.plans) > 1 && s.bytes() > s.options.PlanBytes {
		s.plans[0].close()
		s.plans = s.plans[1:]
	}
	return p, nil
}

// start runs a batch up to its scores. On an asynchronous device it returns before they are known.
func (s *stream) start(b *pendingBatch, in input, size batchSize) error {
	b.started = time.Now()
	p, err := s.plan(size, s.model.capacity(b.frames, in.bytes()))
	if err != nil {
		return err
	}
	if err := p.propose(s.model, in, b.frames); err != nil {
		return err
	}
	b.scored, err = p.score(size.N)
	return err
}

// finish waits for the box head of a batch and post-processes its output. The inference time of a batch starts at b.started or, if later,
// when the previous batch's box head completed.
func (s *stream) finish(b *pendingBatch) error {
	if b.scored.wait != nil {
		if err := b.scored.wait(); err != nil {
			return err
		}
	}
	begun, known := b.started, time.Now()
	if s.known.After(begun) {
		begun = s.known
	}
	s.known = known
	b.found = make([][]roi.Detection, len(b.frames))
	for i, at := range b.frames {
		found, err := b.scored.detections(i, at)
		if err != nil {
			return fmt.Errorf("detector: %w", err)
		}
		b.found[i] = s.model.inImage(found, at)
	}
	b.timing.Inference, b.timing.Postprocess = known.Sub(begun), time.Since(known)
	return nil
}
