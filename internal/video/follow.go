package video

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Live is a source that has no end, such as a camera. A goroutine reads its frames, and drops all but the newest.
type Live struct {
	in     Input
	lost   func(err error, again time.Duration)
	cancel context.CancelFunc
	done   sync.WaitGroup

	newest chan Frame // of capacity 1
	failed error      // set before newest is closed
}

// The waiting times of a live source.
const (
	stalled      = 10 * time.Second // without a frame: it is lost
	firstAgain   = time.Second      // before it is opened again; doubled with each attempt
	longestAgain = 30 * time.Second
	attempts     = 10 // without a frame in between; then the source has failed
)

// Follow opens a live source, and again when it is lost, after a time that grows. lost is told of it, on another goroutine.
func Follow(ctx context.Context, in Input, lost func(err error, again time.Duration)) *Live {
	ctx, cancel := context.WithCancel(ctx)
	l := &Live{in: in, lost: lost, cancel: cancel, newest: make(chan Frame, 1)}
	l.done.Go(func() {
		defer close(l.newest)
		l.failed = l.run(ctx)
	})
	return l
}

// Next waits for a frame that it has not returned yet, and returns the newest.
func (l *Live) Next() (Frame, error) {
	f, ok := <-l.newest
	if !ok {
		return Frame{}, l.failed
	}
	return f, nil
}

// Close ends the child process.
func (l *Live) Close() {
	l.cancel()
	l.done.Wait()
}

func (l *Live) run(ctx context.Context) error {
	begun, number := time.Now(), 0
	again, left := firstAgain, attempts
	for {
		frames, err := l.connection(ctx, func(f Frame) {
			f.Number, f.Time = number, time.Since(begun)
			number += max(1, l.in.Stride)
			l.put(f)
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if frames > 0 {
			again, left = firstAgain, attempts
		}
		if left--; number == 0 || left == 0 { // a source that never had a frame has a wrong address
			return err
		}
		l.lost(err, again)
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return ctx.Err()
		}
		again = min(2*again, longestAgain)
	}
}

// connection reads frames until the source is lost.
func (l *Live) connection(ctx context.Context, put func(Frame)) (frames int, err error) {
	d, err := Open(ctx, l.in, Info{})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	timedOut := false
	watch := time.AfterFunc(stalled, func() {
		timedOut = true
		d.cancel()
	})
	defer watch.Stop()
	for {
		f, err := d.Next()
		fault := new(FaultError)
		switch {
		case errors.As(err, &fault): // streams lose packets all the time
			continue
		case timedOut:
			return frames, errors.New("no frame for " + stalled.String())
		case errors.Is(err, io.EOF):
			return frames, errors.New("the stream has ended")
		case err != nil:
			return frames, err
		}
		watch.Reset(stalled)
		frames++
		put(f)
	}
}

// put replaces the frame that nobody has taken.
func (l *Live) put(f Frame) {
	select {
	case <-l.newest:
	default:
	}
	l.newest <- f // only this goroutine sends
}
