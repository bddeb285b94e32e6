package detector

import (
	"fmt"
	"time"

	"scalenet/roi"
)

// maxPending is the number of batches that an asynchronous device may have pending when another one is started: while it computes one, the
// images of the next are copied to it.
const maxPending = 1

// Run is a call of Start whose detections Wait returns.
type Run struct {
	deviceModel *deviceModel
	views       [][]view // by query
	batches     []*pendingBatch
	preprocess  time.Duration
}

// pendingBatch is a started batch. found or err is set when finished is true.
type pendingBatch struct {
	frames   []frame
	scored   scored
	started  time.Time
	timing   Timing
	finished bool
	found    [][]roi.Detection
	err      error
}

// scored is the output of the box head for a batch.
type scored struct {
	// wait blocks until the output is available; nil if it is already.
	wait func() error
	// detections returns those of the i-th image of the batch, in pixels of the network's input.
	detections func(i int, f frame) ([]roi.Detection, error)
}

// MaxPending returns how many runs may be pending, that is started without a Wait, when Start is called once more: 1 on asynchronous
// devices, otherwise 0, because Start then returns a finished run.
func (d *deviceModel) MaxPending() int {
	if d.dev.Capabilities().Asynchronous {
		return maxPending
	}
	return 0
}

// Start begins DetectEach. On an asynchronous device it returns as soon as the images are being copied. Wait on the returned Run blocks
// until its detections are known. If more batches are pending than MaxPending, Start first waits for the oldest of them. Like all methods
// of a Detector, Start and Wait must not be called concurrently.
func (d *deviceModel) Start(queries ...Query) (*Run, error) {
	r := &Run{deviceModel: d}
	var views []Query
	for _, q := range queries {
		of, err := q.views()
		if err != nil {
			return nil, err
		}
		r.views = append(r.views, of)
		for _, v := range of {
			views = append(views, v.Query)
		}
	}
	for len(views) > 0 {
		size := d.paddedSize(views[0])
		n := 1
		for n < len(views) && d.paddedSize(views[n]) == size {
			n++
		}
		start := time.Now()
		batch := batchSize{n, size.H, size.W}
		in, frames, err := d.prepare(views[:n], batch)
		if err != nil {
			return nil, err
		}
		r.preprocess += time.Since(start)
		b, err := d.start(in, batch, frames)
		if err != nil {
			return nil, err
		}
		r.batches, views = append(r.batches, b), views[n:]
	}
	return r, nil
}

// Wait returns the detections, as DetectEach does.
func (r *Run) Wait() (all [][]roi.Detection, t Timing, err error) {
	t.Preprocess = r.preprocess
	var found [][]roi.Detection
	for _, b := range r.batches {
		if err := r.deviceModel.wait(b); err != nil {
			return nil, t, err
		}
		found = append(found, b.found...)
		t.Inference += b.timing.Inference
		t.Postprocess += b.timing.Postprocess
	}
	for _, views := range r.views {
		all = append(all, merge(views, found[:len(views)], views[0].Settings.Detections))
		found = found[len(views):]
	}
	return all, t, nil
}

// start runs a batch. On an asynchronous device the batch is pending when start returns, otherwise finished.
func (d *deviceModel) start(in input, size batchSize, frames []frame) (*pendingBatch, error) {
	d.finishAllBut(maxPending)
	p, err := d.plan(size, d.model.capacity(frames, in.bytes()))
	if err != nil {
		return nil, err
	}
	b := &pendingBatch{frames: frames, started: time.Now()}
	if err := p.propose(d.model, in, frames); err != nil {
		return nil, err
	}
	if b.scored, err = p.score(size.N); err != nil {
		return nil, err
	}
	d.pending.Add(func() error {
		b.finished, b.err = true, d.finish(b)
		return nil
	})
	if b.scored.wait == nil {
		d.finishAllBut(0)
	}
	return b, nil
}

// finishAllBut finishes the oldest batches until at most n are pending.
func (d *deviceModel) finishAllBut(n int) {
	_ = d.pending.FinishAllBut(n) // wait returns the batch's error
}

// wait finishes all batches up to b, and returns b's error.
func (d *deviceModel) wait(b *pendingBatch) error {
	for !b.finished {
		d.finishAllBut(d.pending.Len() - 1)
	}
	return b.err
}

// finish waits for the box head of a batch and post-processes its output. The inference time of a batch starts at b.started or, if later,
// when the previous batch's box head completed.
func (d *deviceModel) finish(b *pendingBatch) error {
	if b.scored.wait != nil {
		if err := b.scored.wait(); err != nil {
			return err
		}
	}
	begun, known := b.started, time.Now()
	if d.known.After(begun) {
		begun = d.known
	}
	d.known = known
	b.found = make([][]roi.Detection, len(b.frames))
	for i, at := range b.frames {
		found, err := b.scored.detections(i, at)
		if err != nil {
			return fmt.Errorf("detector: %w", err)
		}
		b.found[i] = d.model.inImage(found, at)
	}
	b.timing = Timing{Inference: known.Sub(begun), Postprocess: time.Since(known)}
	return nil
}
