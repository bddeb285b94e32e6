package prefetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// numbers makes batches that hold their epoch and place; of those that it makes at once, most is the largest number.
func numbers(batches, workers, ahead int, most *atomic.Int32) *Loader[string] {
	var making atomic.Int32
	return New(batches, workers, ahead, func(epoch int) func(int) (string, error) {
		return func(batch int) (string, error) {
			n := making.Add(1)
			defer making.Add(-1)
			for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
			}
			time.Sleep(time.Duration(batch%3) * time.Millisecond) // some are made before those that come first
			return fmt.Sprintf("%d/%d", epoch, batch), nil
		}
	})
}

// rest collects what Rest yields.
func rest(t *testing.T, l *Loader[string]) (list []string) {
	t.Helper()
	for b, err := range l.Rest(t.Context()) {
		require.NoError(t, err)
		list = append(list, b)
	}
	return list
}

func TestOrderAndSeek(t *testing.T) {
	var most atomic.Int32
	l := numbers(5, 3, 4, &most)
	defer l.Close()
	require.Equal(t, 5, l.Batches())
	require.Equal(t, []string{"0/0", "0/1", "0/2", "0/3", "0/4"}, rest(t, l))
	_, err := l.Next(t.Context())
	require.Equal(t, io.EOF, err)
	require.Empty(t, rest(t, l))
	require.NoError(t, l.Seek(2, 3))
	require.Equal(t, []string{"2/3", "2/4"}, rest(t, l))
	require.NoError(t, l.Seek(1, 0))
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1/0", b)
	l.Close()
	require.Equal(t, []string{"1/1", "1/2", "1/3", "1/4"}, rest(t, l), "it goes on after Close")
	require.LessOrEqual(t, most.Load(), int32(3))
	require.ErrorContains(t, l.Seek(0, 6), "no batch 6 in epoch 0: an epoch has 5")
	require.ErrorContains(t, l.Seek(-1, 0), "no batch 0 in epoch -1")
}

func TestContextLosesNoBatch(t *testing.T) {
	made := make(chan struct{})
	l := New(2, 1, 1, func(int) func(int) (int, error) {
		return func(batch int) (int, error) {
			<-made
			return batch, nil
		}
	})
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := l.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(made)
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	require.Zero(t, b)
	require.Positive(t, l.Waited())
}

func TestErrorStaysUntilSeek(t *testing.T) {
	broken := errors.New("broken")
	l := New(3, 2, 2, func(int) func(int) (int, error) {
		return func(batch int) (int, error) {
			if batch == 1 {
				return 0, broken
			}
			return batch, nil
		}
	})
	defer l.Close()
	var errs []error
	for _, err := range l.Rest(t.Context()) {
		errs = append(errs, err)
	}
	require.Equal(t, []error{nil, broken}, errs)
	_, err := l.Next(t.Context())
	require.ErrorIs(t, err, broken)
	require.NoError(t, l.Seek(0, 2))
	b, err := l.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, b)
}

// Runs are resumed with these numbers: they must stay.
func TestRand(t *testing.T) {
	require.Equal(t, uint64(14865118815449692009), Rand(7, 3, -1).Uint64())
	require.Equal(t, uint64(2007409619891038143), Rand(7, 3, 12).Uint64())
	seen := map[uint64]bool{}
	for _, at := range [][3]int{{0, 0, -1}, {0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {1, 0, 0}, {1, 1, 1}} {
		seen[Rand(uint64(at[0]), at[1], at[2]).Uint64()] = true
	}
	require.Len(t, seen, 6)
}

// With Take, Next returns only the batches taken, wherever it begins.
func TestTake(t *testing.T) {
	made := make(chan int, 100)
	l := New(10, 2, 3, func(epoch int) func(int) (int, error) {
		return func(batch int) (int, error) {
			made <- batch
			return 100*epoch + batch, nil
		}
	})
	defer l.Close()
	l.Take(func(batch int) bool { return batch%4 == 1 || batch == 2 })
	for _, c := range []struct {
		epoch, batch int
		want         []int
	}{{0, 0, []int{1, 2, 5, 9}}, {3, 2, []int{302, 305, 309}}, {1, 6, []int{109}}, {1, 10, nil}} {
		require.NoError(t, l.Seek(c.epoch, c.batch))
		var got []int
		for b, err := range l.Rest(t.Context()) {
			require.NoError(t, err)
			got = append(got, b)
		}
		require.Equal(t, c.want, got)
	}
	l.Close()
	close(made)
	for batch := range made {
		require.True(t, batch%4 == 1 || batch == 2, "%d was made", batch)
	}
	require.Equal(t, 10, l.Batches())
}
