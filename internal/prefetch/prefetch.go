// Package prefetch makes batches in goroutines, ahead of the loop that uses them.
//
// The content of a batch must depend only on its epoch and its position in the epoch, so that a resumed run gets the same batches as an
// uninterrupted run. Use [Rand] for random numbers.
package prefetch

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"
)

// Loader makes batches in goroutines ahead of Next. It must not be used concurrently.
type Loader[B any] struct {
	batches, workers, ahead int
	plan                    func(epoch int) func(batch int) (B, error)
	takes                   func(batch int) bool // nil: all

	epoch, batch int // of the batch that Next returns next
	stream       *stream[B]
	failed       error
	waited       time.Duration
}

// New returns a loader with the given number of batches per epoch. At most workers batches are made at once, and at most ahead batches
// are ready or being made. plan is called once per epoch, and once more after Seek. The function that it returns makes one batch, and is
// called on several goroutines at once.
func New[B any](batches, workers, ahead int, plan func(epoch int) func(batch int) (B, error)) *Loader[B] {
	return &Loader[B]{batches: batches, workers: workers, ahead: ahead, plan: plan}
}

// Batches returns the number of batches per epoch.
func (l *Loader[B]) Batches() int { return l.batches }

// Waited returns the time that calls of Next have spent waiting for data.
func (l *Loader[B]) Waited() time.Duration { return l.waited }

// Take limits Next to the batches of each epoch for which takes is true. Others are not made. Call it before Next or Seek.
func (l *Loader[B]) Take(takes func(batch int) bool) {
	l.Close()
	l.takes = takes
}

// following returns the first batch from the given one that Next returns; the number of batches if there is none.
func (l *Loader[B]) following(batch int) int {
	for batch < l.batches && l.takes != nil && !l.takes(batch) {
		batch++
	}
	return batch
}

// Seek makes Next begin with a batch of an epoch, both counted from 0.
func (l *Loader[B]) Seek(epoch, batch int) error {
	if epoch < 0 || batch < 0 || batch > l.batches {
		return fmt.Errorf("loader: no batch %d in epoch %d: an epoch has %d", batch, epoch, l.batches)
	}
	l.Close()
	l.epoch, l.batch, l.failed = epoch, batch, nil
	return nil
}

// Next returns the next batch of the epoch, or io.EOF after the last. If a batch cannot be made, this and further calls return the
// error, until Seek. If the context ends first, no batch is lost.
func (l *Loader[B]) Next(ctx context.Context) (none B, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if l.failed != nil {
		return none, l.failed
	}
	if l.batch = l.following(l.batch); l.batch == l.batches {
		return none, io.EOF
	}
	if l.stream == nil {
		l.stream = l.start()
	}
	began := time.Now()
	defer func() { l.waited += time.Since(began) }()
	if l.stream.head == nil {
		l.stream.head = <-l.stream.queue
	}
	select {
	case r := <-l.stream.head:
		l.stream.head = nil
		if r.err != nil {
			l.Close()
			l.failed = r.err
			return none, r.err
		}
		if l.batch++; l.batch == l.batches {
			l.Close()
		}
		return r.batch, nil
	case <-ctx.Done():
		return none, ctx.Err() // the batch stays at the head
	}
}

// Rest yields the remaining batches of the epoch, as Next returns them. After an error it stops.
func (l *Loader[B]) Rest(ctx context.Context) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		for {
			b, err := l.Next(ctx)
			if err == io.EOF || !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the goroutines. The loader can still be used: Next restarts the goroutines.
func (l *Loader[B]) Close() {
	if l.stream != nil {
		l.stream.close()
		l.stream = nil
	}
}

// stream has the remaining batches of an epoch: a queue of batches in order, each a channel that its goroutine fills.
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

// start makes the batches from the current one to the end of the epoch. The capacity of the queue limits how many are made ahead.
func (l *Loader[B]) start() *stream[B] {
	s := &stream[B]{queue: make(chan chan made[B], l.ahead), stop: make(chan struct{})}
	epoch, first := l.epoch, l.batch
	workers := make(chan struct{}, l.workers)
	s.wg.Go(func() {
		build := l.plan(epoch)
		for batch := l.following(first); batch < l.batches; batch = l.following(batch + 1) {
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
