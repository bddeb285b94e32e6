package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"runtime/debug"
	"sync"
	"time"

	"scalenet/internal/pending"
)

// maxPending is the number of batches that may be pending when another one is started.
const maxPending = 1

// Errors of Reserve.
var (
	ErrFull   = errors.New("the queue is full or its estimated wait is too long")
	ErrClosed = errors.New("the queue is closed")
)

// Options of a Queue.
type Options struct {
	// Places is the maximum number of jobs that wait or are being prepared.
	Places int
	// Wait is the maximum estimated queueing time of a new job, from recent
	// processing times; 0 is no limit. The time of jobs that are reserved with it
	// does not count, so an idle queue accepts them however long they take.
	Wait time.Duration
	// Batch is the maximum batch size, of jobs with one key; 1 turns batching off.
	// Batches have 1, 2, 4, ... jobs, so that few sizes need a compiled plan.
	Batch int
	// Delay is the maximum time that a job waits for its batch to fill; 0 is off.
	Delay time.Duration
}

// Work computes the values of a batch, or starts to. In the second case it returns wait,
// which blocks until they are computed. The next batch, if there is one, is started
// before wait is called.
type Work[K comparable, T any] func(key K, values []T) (wait func() error, err error)

// Queue passes jobs to one worker. Jobs with equal keys K can form a batch.
type Queue[K comparable, T any] struct {
	options Options
	work    Work[K, T]
	wake    chan struct{} // something changed that the worker waits for
	ended   chan struct{} // the worker has ended

	mu       sync.Mutex
	waiting  []*job[K, T]
	reserved int // slots of tickets that have not become jobs
	running  int
	started  time.Time     // when the running batch was started, or the batch before it was done
	perJob   time.Duration // smoothed time of a job
	closed   bool
}

type job[K comparable, T any] struct {
	key     K
	value   T
	release func()
	since   time.Time
	waited  time.Duration
	err     error
	done    chan struct{}
}

// New starts a queue. One goroutine calls work and the wait that it returns. An error
// or a panic is the error of all jobs of the batch.
func New[K comparable, T any](o Options, work Work[K, T]) *Queue[K, T] {
	o.Places, o.Batch = max(o.Places, 1), max(o.Batch, 1)
	q := &Queue[K, T]{options: o, work: work, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go q.serve()
	return q
}

// Ticket is a reserved queue slot.
type Ticket[K comparable, T any] struct {
	q    *Queue[K, T]
	used bool
}

// Reserve reserves n queue slots, all or none. The error is ErrFull or ErrClosed.
func (q *Queue[K, T]) Reserve(n int) ([]*Ticket[K, T], error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	if q.depth()+n > q.options.Places {
		return nil, ErrFull
	}
	if w := q.options.Wait; w > 0 && q.wait() > w {
		return nil, ErrFull
	}
	q.reserved += n
	tickets := make([]*Ticket[K, T], n)
	for i := range tickets {
		tickets[i] = &Ticket[K, T]{q: q}
	}
	return tickets, nil
}

// Release frees the slot, unless Do was called.
func (t *Ticket[K, T]) Release() {
	if t.used {
		return
	}
	t.used = true
	t.q.mu.Lock()
	t.q.reserved--
	t.q.mu.Unlock()
	t.q.signal() // a queue that is being closed waits for it
}

// Do computes a value in the slot of the ticket and returns its queueing time. If the
// context ends first, Do returns its error, and a value whose computation has not
// begun leaves the queue. The queue calls release, which may be nil, when it no
// longer needs the value.
func (t *Ticket[K, T]) Do(ctx context.Context, key K, value T, release func()) (waited time.Duration, err error) {
	if t.used {
		panic("schedule: a ticket is used twice")
	}
	t.used = true
	q := t.q
	j := &job[K, T]{key: key, value: value, release: release, since: time.Now(), done: make(chan struct{})}
	q.mu.Lock()
	q.reserved--
	if err := ctx.Err(); err != nil {
		q.mu.Unlock()
		j.free()
		q.signal()
		return 0, err
	}
	q.waiting = append(q.waiting, j)
	q.mu.Unlock()
	q.signal()
	select {
	case <-j.done:
		return j.waited, j.err
	case <-ctx.Done():
		if q.remove(j) {
			j.free()
		}
		return time.Since(j.since), ctx.Err()
	}
}

// remove removes a waiting job. It returns false if the job no longer waits.
func (q *Queue[K, T]) remove(j *job[K, T]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting {
		if w == j {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			q.signal()
			return true
		}
	}
	return false
}

func (j *job[K, T]) free() {
	if j.release != nil {
		j.release()
	}
}

func (q *Queue[K, T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Depth returns the number of slots in use. Running jobs have left theirs.
func (q *Queue[K, T]) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.depth()
}

func (q *Queue[K, T]) depth() int { return q.reserved + len(q.waiting) }

// EstimatedWait returns the estimated queueing time of a new job, from recent
// processing times.
func (q *Queue[K, T]) EstimatedWait() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.wait()
}

func (q *Queue[K, T]) wait() time.Duration {
	rest := time.Duration(q.running) * q.perJob
	if q.running > 0 {
		rest = max(0, rest-time.Since(q.started))
	}
	return rest + time.Duration(q.depth())*q.perJob
}

// Close refuses further reservations and waits for all jobs and tickets.
func (q *Queue[K, T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	<-q.ended
}

func (q *Queue[K, T]) serve() {
	defer close(q.ended)
	var started pending.Queue
	for {
		batch, wait, end := q.take()
		switch {
		case len(batch) > 0:
			b := q.start(batch)
			started.Add(func() error { q.finish(b); return nil })
			leave := 0
			if b.wait != nil {
				leave = maxPending
			}
			_ = started.FinishAllBut(leave) // jobs have the errors
		case started.Len() > 0:
			_ = started.FinishAllBut(0)
		case end:
			return
		case wait > 0:
			timer := time.NewTimer(wait)
			select {
			case <-q.wake:
			case <-timer.C:
			}
			timer.Stop()
		default:
			<-q.wake
		}
	}
}

// take removes the next batch from the queue. It returns the time to wait if the
// batch should fill first, and end if no more jobs will come.
func (q *Queue[K, T]) take() (batch []*job[K, T], wait time.Duration, end bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil, 0, q.closed && q.reserved == 0
	}
	oldest := q.waiting[0]
	for _, j := range q.waiting {
		if j.key == oldest.key && len(batch) < q.options.Batch {
			batch = append(batch, j)
		}
	}
	if wait := q.options.Delay - time.Since(oldest.since); len(batch) < q.options.Batch && wait > 0 && !q.closed {
		return nil, wait, false
	}
	batch = batch[:1<<(bits.Len(uint(len(batch)))-1)]
	rest, taken := q.waiting[:0], 0
	for _, j := range q.waiting {
		if taken < len(batch) && j == batch[taken] {
			taken++
			continue
		}
		rest = append(rest, j)
	}
	clear(q.waiting[len(rest):])
	q.waiting = rest
	now := time.Now()
	for _, j := range batch {
		j.waited = now.Sub(j.since)
	}
	if q.running == 0 {
		q.started = now
	}
	q.running += len(batch)
	return batch, 0, false
}

// pendingBatch is a batch whose work was started.
type pendingBatch[K comparable, T any] struct {
	jobs []*job[K, T]
	wait func() error // nil if the work is done
	err  error
}

func (q *Queue[K, T]) start(batch []*job[K, T]) *pendingBatch[K, T] {
	values := make([]T, len(batch))
	for i, j := range batch {
		values[i] = j.value
	}
	b := &pendingBatch[K, T]{jobs: batch}
	b.err = safely(func() (err error) {
		b.wait, err = q.work(batch[0].key, values)
		return err
	})
	return b
}

// finish waits for a batch and returns its jobs.
func (q *Queue[K, T]) finish(b *pendingBatch[K, T]) {
	if b.err == nil && b.wait != nil {
		b.err = safely(b.wait)
	}
	q.mu.Lock()
	now := time.Now()
	took := now.Sub(q.started) / time.Duration(len(b.jobs))
	if q.perJob == 0 {
		q.perJob = took
	}
	q.perJob += (took - q.perJob) / 8
	q.running, q.started = q.running-len(b.jobs), now
	q.mu.Unlock()
	for _, j := range b.jobs {
		j.err = b.err
		close(j.done)
		j.free()
	}
}

// safely turns a panic of the work into an error, so that other jobs still run.
func safely(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return work()
}
