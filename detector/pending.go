package detector

import (
	"errors"
	"fmt"
	"time"

	"scalenet/engine"
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

// MaxPending returns how many runs may be pending, that is started without a Wait, when Start is called once more: with several devices one
// less than their number, 1 on an asynchronous device, otherwise 0, because Start then returns a finished run.
func (d *deviceModel) MaxPending() int {
	if len(d.streams) > 1 {
		return len(d.streams) - 1
	}
	if d.device().Capabilities().Asynchronous {
		return maxPending
	}
	return 0
}

// device returns the device, or one of several equal ones.
func (d *deviceModel) device() engine.Device { return d.streams[0].dev }

// Start begins DetectEach. On an asynchronous device, and with several devices, it returns as soon as the images are being copied. Wait on the returned Run blocks
// until its detections are known. If more batches are pending than MaxPending, Start first waits for the oldest of them. Like all methods
// of a Detector, Start and Wait must not be called concurrently.
func (d *deviceModel) Start(queries ...Query) (*Run, error) {
	r := &Run{deviceModel: d}
	var views []Query
	for i, q := range queries {
		if err := q.check(); err != nil {
			return nil, fmt.Errorf("detector: images[%d]: %w", i, err)
		}
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
		batch, of := batchSize{n, size.H, size.W}, views[:n]
		frames := d.frames(of)
		b, err := d.start(func() (input, error) { return d.prepare(of, frames, batch) }, batch, frames)
		if err != nil {
			return nil, err
		}
		r.batches, views = append(r.batches, b), views[n:]
	}
	return r, nil
}

// Wait returns the detections, as DetectEach does.
func (r *Run) Wait() (all [][]roi.Detection, t Timing, err error) {
	var found [][]roi.Detection
	for _, b := range r.batches {
		if err := r.deviceModel.wait(b); err != nil {
			return nil, t, err
		}
		found = append(found, b.found...)
		t.add(b.timing)
	}
	for _, views := range r.views {
		all = append(all, merge(views, found[:len(views)], views[0].Settings.Detections))
		found = found[len(views):]
	}
	return all, t, nil
}

// start runs a batch. On an asynchronous device, and with several streams, the batch is pending when start returns, otherwise finished.
func (d *deviceModel) start(prepare func() (input, error), size batchSize, frames []frame) (*pendingBatch, error) {
	if d.closed {
		return nil, errors.New("detector: used after Close")
	}
	if len(d.streams) > 1 {
		return d.startBeside(prepare, size, frames), nil
	}
	b, s := &pendingBatch{frames: frames}, d.streams[0]
	in, err := b.prepared(prepare)
	if err != nil {
		return nil, err
	}
	d.finishAllBut(maxPending)
	if err := s.start(b, in, size); err != nil {
		return nil, err
	}
	d.pending.Add(func() error {
		b.finished, b.err = true, s.finish(b)
		return nil
	})
	if b.scored.wait == nil {
		d.finishAllBut(0)
	}
	return b, nil
}

// startBeside runs a batch on the stream whose turn it is, beside those of the other streams.
func (d *deviceModel) startBeside(prepare func() (input, error), size batchSize, frames []frame) *pendingBatch {
	d.finishAllBut(len(d.streams) - 1) // then the stream is free
	b, s := &pendingBatch{frames: frames}, d.streams[d.next]
	d.next = (d.next + 1) % len(d.streams)
	done := make(chan error, 1)
	go func() {
		in, err := b.prepared(prepare)
		if err == nil {
			err = s.start(b, in, size)
		}
		if err == nil {
			err = s.finish(b)
		}
		done <- err
	}()
	d.pending.Add(func() error {
		b.err, b.finished = <-done, true
		return nil
	})
	return b
}

// prepared returns the input of the batch, and takes the time.
func (b *pendingBatch) prepared(prepare func() (input, error)) (input, error) {
	start := time.Now()
	in, err := prepare()
	b.timing.Preprocess = time.Since(start)
	return in, err
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
