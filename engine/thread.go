package engine

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Thread runs functions on one OS thread, one after the other. Libraries that keep state per thread (OpenMP's pool, a CUDA context) need that.
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

// outcome is the error that a call returned, or the value with which it panicked.
type outcome struct {
	err      error
	panicked any
}

// NewThread starts a thread and runs open on it; an error of open ends the thread and is returned. Close runs free as the last function. Do returns the
// error gone after Close.
func NewThread(gone error, open, free func() error) (*Thread, error) {
	t := &Thread{calls: make(chan threadCall), closed: make(chan struct{}), left: make(chan error, 1), gone: gone}
	started := make(chan error)
	go t.serve(started, open, free)
	if err := <-started; err != nil {
		return nil, err
	}
	return t, nil
}

// serve never unlocks its OS thread, so that the OS thread ends with the goroutine, and with it the libraries' state.
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

// outcomeOf runs f and recovers a panic, so that Do can panic on the caller's goroutine.
func outcomeOf(f func() error) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	return outcome{err: f()}
}

// Do runs f on the thread and waits for it; if f panics, so does Do. On the thread itself, Do calls f directly.
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
