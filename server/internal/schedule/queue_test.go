package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder computes a job in a second and remembers the batches.
type recorder struct {
	mu      sync.Mutex
	batches [][]int
}

func (r *recorder) work(_ string, values []int) (func() error, error) {
	time.Sleep(time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, slices.Clone(values))
	return nil, nil
}

// submit begins a job in the background.
func submit(t *testing.T, q *Queue[string, int], ctx context.Context, key string, value int) <-chan error {
	t.Helper()
	tickets, err := q.Reserve(1)
	require.NoError(t, err)
	out := make(chan error, 1)
	go func() {
		_, err := tickets[0].Do(ctx, key, value, nil)
		out <- err
	}()
	synctest.Wait()
	return out
}

func TestOrderAndBatches(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		keys    []string
		want    [][]int
	}{
		"one at a time":     {Options{Places: 9, Batch: 1}, []string{"a", "b", "a", "b"}, [][]int{{0}, {1}, {2}, {3}}},
		"same key together": {Options{Places: 9, Batch: 4}, []string{"x", "a", "b", "a", "b"}, [][]int{{0}, {1, 3}, {2, 4}}},
		"the oldest first":  {Options{Places: 9, Batch: 2}, []string{"x", "b", "a", "a", "a"}, [][]int{{0}, {1}, {2, 3}, {4}}},
		"powers of two":     {Options{Places: 9, Batch: 4}, []string{"x", "a", "a", "a"}, [][]int{{0}, {1, 2}, {3}}},
		"a delay completes": {Options{Places: 9, Batch: 2, Delay: time.Minute}, []string{"a", "b", "a", "b"}, [][]int{{0, 2}, {1, 3}}},
		"a delay runs out":  {Options{Places: 9, Batch: 4, Delay: time.Second}, []string{"a", "a", "a"}, [][]int{{0, 1}, {2}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				q := New(c.options, r.work)
				for i, key := range c.keys {
					submit(t, q, t.Context(), key, i)
				}
				time.Sleep(time.Hour)
				q.Close()
				assert.Equal(t, c.want, r.batches)
			})
		})
	}
}

func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		q := New(Options{Places: 2}, r.work)
		first := submit(t, q, t.Context(), "a", 0) // runs: it has left its place
		tickets, err := q.Reserve(2)
		require.NoError(t, err)
		assert.Equal(t, 2, q.Depth())
		_, err = q.Reserve(1)
		require.ErrorIs(t, err, ErrFull)
		tickets[0].Release()
		tickets[0].Release() // once more does nothing
		_, err = q.Reserve(2)
		require.ErrorIs(t, err, ErrFull, "all or none")
		assert.Equal(t, 1, q.Depth())
		tickets[1].Release()
		require.NoError(t, <-first)
		q.Close()
		_, err = q.Reserve(1)
		require.ErrorIs(t, err, ErrClosed)
	})
}

func TestEstimatedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		q := New(Options{Places: 100, Wait: 2500 * time.Millisecond}, r.work)
		require.NoError(t, <-submit(t, q, t.Context(), "a", 0)) // a job takes a second
		submit(t, q, t.Context(), "a", 1)
		submit(t, q, t.Context(), "a", 2)
		assert.Equal(t, 2*time.Second, q.EstimatedWait())
		time.Sleep(500 * time.Millisecond)
		assert.Equal(t, 1500*time.Millisecond, q.EstimatedWait(), "half of what runs is done")
		submit(t, q, t.Context(), "a", 3)
		tickets, err := q.Reserve(2)
		require.NoError(t, err, "the first waits 2.5 s; the second waits for its own request")
		_, err = q.Reserve(1)
		require.ErrorIs(t, err, ErrFull, "it would wait 4.5 s")
		tickets[0].Release()
		tickets[1].Release()
		last := submit(t, q, t.Context(), "a", 4)
		require.NoError(t, <-last)
		assert.Zero(t, q.EstimatedWait())
		tickets, err = q.Reserve(100)
		require.NoError(t, err, "an idle queue takes what it has places for")
		for _, ticket := range tickets {
			ticket.Release()
		}
		q.Close()
	})
}

// With twice the jobs that the worker can do, those that are taken wait no longer than the limit, and the worker is never idle.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait, each, length = 2 * time.Second, 100 * time.Millisecond, time.Minute
		q := New(Options{Places: 1000, Wait: wait}, func(string, []int) (func() error, error) { time.Sleep(each); return nil, nil })
		var jobs sync.WaitGroup
		taken, refused := 0, 0
		for range length / (each / 2) {
			tickets, err := q.Reserve(1)
			if err == nil {
				taken++
				jobs.Go(func() {
					waited, err := tickets[0].Do(t.Context(), "a", 0, nil)
					assert.NoError(t, err)
					assert.LessOrEqual(t, waited, wait+each)
				})
			} else {
				require.ErrorIs(t, err, ErrFull)
				refused++
			}
			time.Sleep(each / 2)
		}
		jobs.Wait()
		q.Close()
		assert.GreaterOrEqual(t, taken, int(length/each))
		assert.Greater(t, refused, int((length-2*wait)/each)-1)
	})
}

// A job whose context ends leaves the queue at once; the value is released in
// every case, exactly once.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		q := New(Options{Places: 5}, r.work)
		var released atomic.Int32
		do := func(ctx context.Context, value int) <-chan error {
			tickets, err := q.Reserve(1)
			require.NoError(t, err)
			out := make(chan error, 1)
			go func() {
				_, err := tickets[0].Do(ctx, "a", value, func() { released.Add(1) })
				out <- err
			}()
			synctest.Wait()
			return out
		}
		ctx, cancel := context.WithCancel(t.Context())
		running, waiting := do(ctx, 0), do(ctx, 1)
		kept := do(t.Context(), 2)
		assert.Equal(t, 2, q.Depth())
		cancel()
		require.ErrorIs(t, <-waiting, context.Canceled)
		require.ErrorIs(t, <-running, context.Canceled, "nobody waits for what runs")
		assert.Equal(t, 1, q.Depth())
		assert.EqualValues(t, 1, released.Load(), "what runs still needs its value")
		require.ErrorIs(t, <-do(ctx, 3), context.Canceled)
		require.NoError(t, <-kept)
		synctest.Wait()
		assert.EqualValues(t, 4, released.Load())
		q.Close()
		assert.Equal(t, [][]int{{0}, {2}}, r.batches)
	})
}

func TestErrorsAndPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		q := New(Options{Places: 5}, func(_ string, values []int) (func() error, error) {
			switch values[0] {
			case 1:
				return nil, broken
			case 2:
				panic("out of range")
			case 4:
				return func() error { return broken }, nil
			case 5:
				return func() error { panic("out of memory") }, nil
			}
			return nil, nil
		})
		require.NoError(t, <-submit(t, q, t.Context(), "a", 0))
		require.ErrorIs(t, <-submit(t, q, t.Context(), "a", 1), broken)
		require.ErrorContains(t, <-submit(t, q, t.Context(), "a", 2), "panic: out of range")
		require.ErrorIs(t, <-submit(t, q, t.Context(), "a", 4), broken)
		require.ErrorContains(t, <-submit(t, q, t.Context(), "a", 5), "panic: out of memory")
		require.NoError(t, <-submit(t, q, t.Context(), "a", 3), "the worker goes on")
		q.Close()
	})
}

// Where work returns a wait, the next batch, if there is one, is started before, and not more than that; results come as soon as they can.
func TestNextIsStartedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var calls []string
		note := func(s string, value int) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, fmt.Sprint(s, value))
		}
		q := New(Options{Places: 9}, func(_ string, values []int) (func() error, error) {
			note("begin", values[0])
			return func() error {
				time.Sleep(time.Second)
				note("end", values[0])
				return nil
			}, nil
		})
		require.NoError(t, <-submit(t, q, t.Context(), "a", 0))
		var out []<-chan error
		for i := 1; i < 4; i++ {
			out = append(out, submit(t, q, t.Context(), "a", i))
		}
		for _, o := range out {
			require.NoError(t, <-o)
		}
		assert.Equal(t, []string{"begin0", "end0", "begin1", "end1", "begin2", "begin3", "end2", "end3"}, calls)
		assert.InDelta(t, time.Second, q.perJob, float64(time.Millisecond))
		q.Close()
	})
}

// Close waits for what waits and for tickets that were given.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		q := New(Options{Places: 5, Batch: 8, Delay: time.Hour}, r.work)
		first := submit(t, q, t.Context(), "a", 0)
		tickets, err := q.Reserve(2)
		require.NoError(t, err)
		closed := make(chan struct{})
		go func() { q.Close(); close(closed) }()
		require.NoError(t, <-first, "the delay does not hold up the end")
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("closed with tickets out")
		default:
		}
		_, err = tickets[0].Do(t.Context(), "a", 1, nil)
		require.NoError(t, err)
		tickets[1].Release()
		<-closed
	})
}
