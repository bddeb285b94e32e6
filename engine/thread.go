package engine

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Thread runs functions on one OS thread, one after the other, so that what a
// library keeps for each thread (OpenMP's pool, a CUDA context) stays the same.
type Thread struct {
	calls  chan threadCall
	id     int
	closed chan struct{} // closed by Close
	ended  atomic.Bool
	left   chan error // what the last function gave
	gone   error
}

type threadCall struct {
	f    func() error
	done chan outcome
}

// outcome is what a call gave, or what it panicked with.
type outcome struct {
	err      error
	panicked any
}

// NewThread starts a thread. The first function that it runs is open, whose
// error ends it and is returned; the last one is free. Who calls it when it is
// closed gets the error gone.
func NewThread(gone error, open, free func() error) (*Thread, error) {
	t := &Thread{calls: make(chan threadCall), closed: make(chan struct{}), left: make(chan error, 1), gone: gone}
	started := make(chan error)
	go t.serve(started, open, free)
	if err := <-started; err != nil {
		return nil, err
	}
	return t, nil
}

// serve stays locked to its goroutine to the end, so that the OS thread, and
// what libraries keep for it, ends too.
func (t *Thread) serve(started chan<- error, open, free func() error) {
	runtime.LockOSThread()
	t.id = unix.Gettid()
	err := open()
	started <- err
	if err != nil {
		return
	}
	for {
		select {
		case c := <-t.calls:
			c.done <- outcomeOf(c.f)
		case <-t.closed:
			t.left <- free()
			return
		}
	}
}

// outcomeOf runs f. A panic is for the caller: on this goroutine nobody could
// recover from it.
func outcomeOf(f func() error) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	return outcome{err: f()}
}

// Do runs f and waits for it; if f panics, so does Do. Called on the thread
// itself, it just runs f.
func (t *Thread) Do(f func() error) error {
	if unix.Gettid() == t.id {
		return f()
	}
	c := threadCall{f, make(chan outcome, 1)}
	select {
	case t.calls <- c:
		o := <-c.done
		if o.panicked != nil {
			panic(o.panicked)
		}
		return o.err
	case <-t.closed:
		return t.gone
	}
}

// Close ends the thread and returns the last function's error.
func (t *Thread) Close() error {
	if t.ended.Swap(true) {
		return t.gone
	}
	close(t.closed)
	return <-t.left
}
