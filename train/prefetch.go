package train

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Prefetch is a [Source] that makes batches on goroutines ahead of Next. What a
// batch holds depends on its epoch and place only, so that a resumed run sees
// what an uninterrupted one does. It is for one goroutine at a time.
type Prefetch[B any] struct {
	batches, workers, ahead int
	plan                    func(epoch int) func(batch int) (B, error)

	epoch, batch int // of the batch that Next returns next
	stream       *stream[B]
	failed       error
	waited       time.Duration
}

// NewPrefetch prepares a source of a number of batches an epoch, at most workers
// of them in the making at once and at most ahead of them ready or in the
// making. plan is called once an epoch, or once more after Seek; the function
// that it returns makes a batch, on several goroutines at once.
func NewPrefetch[B any](batches, workers, ahead int, plan func(epoch int) func(batch int) (B, error)) *Prefetch[B] {
	return &Prefetch[B]{batches: batches, workers: workers, ahead: ahead, plan: plan}
}

// Batches implements Source.
func (p *Prefetch[B]) Batches() int { return p.batches }

// Waited is the time that calls of Next have spent waiting for data.
func (p *Prefetch[B]) Waited() time.Duration { return p.waited }

// Seek implements Source; both numbers are counted from 0.
func (p *Prefetch[B]) Seek(epoch, batch int) error {
	if epoch < 0 || batch < 0 || batch > p.batches {
		return fmt.Errorf("loader: no batch %d in epoch %d: an epoch has %d", batch, epoch, p.batches)
	}
	p.Close()
	p.epoch, p.batch, p.failed = epoch, batch, nil
	return nil
}

// Next implements Source. A batch that cannot be made is an error, and stays one
// until Seek.
func (p *Prefetch[B]) Next(ctx context.Context) (none B, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if p.failed != nil {
		return none, p.failed
	}
	if p.batch == p.batches {
		return none, io.EOF
	}
	if p.stream == nil {
		p.stream = p.start()
	}
	began := time.Now()
	defer func() { p.waited += time.Since(began) }()
	if p.stream.head == nil {
		p.stream.head = <-p.stream.queue
	}
	select {
	case r := <-p.stream.head:
		p.stream.head = nil
		if r.err != nil {
			p.Close()
			p.failed = r.err
			return none, r.err
		}
		if p.batch++; p.batch == p.batches {
			p.Close()
		}
		return r.batch, nil
	case <-ctx.Done():
		return none, ctx.Err() // the batch stays at the head
	}
}

// Close ends the goroutines. The source can be used again after Seek, or go on
// where it stood.
func (p *Prefetch[B]) Close() {
	if p.stream != nil {
		p.stream.close()
		p.stream = nil
	}
}

// stream is the rest of an epoch in the making: a queue of batches in order,
// each a channel that its goroutine fills.
type stream[B any] struct {
	queue chan chan made[B]
	head  chan made[B] // taken from the queue, not yet received
	stop  chan struct{}
	wg    sync.WaitGroup
}

type made[B any] struct {
	batch B
	err   error
}

// start makes the batches from the present place to the end of the epoch. The
// queue's capacity bounds how far ahead.
func (p *Prefetch[B]) start() *stream[B] {
	s := &stream[B]{queue: make(chan chan made[B], p.ahead), stop: make(chan struct{})}
	epoch, first := p.epoch, p.batch
	workers := make(chan struct{}, p.workers)
	s.wg.Go(func() {
		build := p.plan(epoch)
		for batch := first; batch < p.batches; batch++ {
			result := make(chan made[B], 1)
			select {
			case s.queue <- result:
			case <-s.stop:
				return
			}
			select {
			case workers <- struct{}{}:
			case <-s.stop:
				return
			}
			s.wg.Go(func() {
				b, err := build(batch)
				<-workers
				result <- made[B]{b, err}
			})
		}
	})
	return s
}

func (s *stream[B]) close() {
	close(s.stop)
	s.wg.Wait()
}
