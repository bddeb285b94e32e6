package detector

import (
	"fmt"
	"time"

	"scalenet/roi"
)

// inFlight is how many batches a device that runs by itself is given before the host waits for the first: while one is computed, the
// pictures of the next one go up.
const inFlight = 2

// Run is a detection that was started.
type Run struct {
	detector   *Detector
	flights    []*flight
	preprocess time.Duration
}

// flight is a batch that the device was asked for.
type flight struct {
	frames []frame
	judged judged
	begun  time.Time
	timing Timing
	landed bool
	found  [][]roi.Detection
	err    error
}

// judged is what becomes of a batch's regions.
type judged struct {
	// wait waits until all is known of them; nil where it is.
	wait func() error
	// detections are those of an image, the i-th of the batch, in the network's pixels.
	detections func(i int, f frame) ([]roi.Detection, error)
}

// Ahead is how many runs may be started before the first is waited for, beside the one that is: 0 where Start detects, 1 where the device
// runs by itself.
func (d *Detector) Ahead() int {
	if takesPictures(d.dev) {
		return inFlight - 1
	}
	return 0
}

// Start begins with what DetectEach does. Where the device runs by itself it returns when the pictures are on their way; as many runs as
// Ahead says may be started before an earlier one is waited for, in the order of their start, and more wait for themselves. As with all of a
// detector, one call comes at a time.
func (d *Detector) Start(queries ...Query) (*Run, error) {
	r := &Run{detector: d}
	for len(queries) > 0 {
		size := d.paddedSize(queries[0])
		n := 1
		for n < len(queries) && d.paddedSize(queries[n]) == size {
			n++
		}
		start := time.Now()
		batch := batchSize{n, size.H, size.W}
		in, frames, err := d.prepare(queries[:n], batch)
		if err != nil {
			return nil, err
		}
		r.preprocess += time.Since(start)
		f, err := d.start(in, batch, frames)
		if err != nil {
			return nil, err
		}
		r.flights, queries = append(r.flights, f), queries[n:]
	}
	return r, nil
}

// Wait gives what was found, as DetectEach does.
func (r *Run) Wait() (all [][]roi.Detection, t Timing, err error) {
	t.Preprocess = r.preprocess
	for _, f := range r.flights {
		r.detector.land(f)
		if f.err != nil {
			return nil, t, f.err
		}
		all = append(all, f.found...)
		t.Inference += f.timing.Inference
		t.Postprocess += f.timing.Postprocess
	}
	return all, t, nil
}

// start lets the device begin with a batch; where it does not run by itself, the batch is done then.
func (d *Detector) start(in input, size batchSize, frames []frame) (*flight, error) {
	for len(d.flying) >= inFlight {
		d.land(d.flying[0])
	}
	p, err := d.plan(size, d.model.room(frames, in.bytes()))
	if err != nil {
		return nil, err
	}
	f := &flight{frames: frames, begun: time.Now()}
	if err := p.propose(d.model, in, frames); err != nil {
		return nil, err
	}
	if f.judged, err = p.judge(size.N); err != nil {
		return nil, err
	}
	d.flying = append(d.flying, f)
	if f.judged.wait == nil {
		d.land(f)
	}
	return f, nil
}

// land waits for a flight, after those before it.
func (d *Detector) land(f *flight) {
	for !f.landed {
		first := d.flying[0]
		d.flying = d.flying[1:]
		first.landed, first.err = true, d.arrive(first)
	}
}

// arrive makes detections of a flight, whose time is from when the one before had arrived.
func (d *Detector) arrive(f *flight) error {
	if f.judged.wait != nil {
		if err := f.judged.wait(); err != nil {
			return err
		}
	}
	begun, known := f.begun, time.Now()
	if d.arrived.After(begun) {
		begun = d.arrived
	}
	d.arrived = known
	f.found = make([][]roi.Detection, len(f.frames))
	for i, at := range f.frames {
		found, err := f.judged.detections(i, at)
		if err != nil {
			return fmt.Errorf("detector: %w", err)
		}
		f.found[i] = d.model.inPicture(found, at)
	}
	f.timing = Timing{Inference: known.Sub(begun), Postprocess: time.Since(known)}
	return nil
}
