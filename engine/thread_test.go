package engine

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestThread(t *testing.T) {
	gone, last, broken := errors.New("gone"), errors.New("last"), errors.New("broken")
	opened := 0
	thread, err := NewThread(gone, func() error { opened = unix.Gettid(); return nil }, func() error {
		assert.Equal(t, opened, unix.Gettid())
		return last
	})
	require.NoError(t, err)
	for range 3 {
		require.ErrorIs(t, thread.Do(func() error {
			assert.Equal(t, opened, unix.Gettid())
			return thread.Do(func() error { return broken }) // on the thread: at once
		}), broken)
	}
	func() { // a server recovers from it, and the thread goes on
		defer func() { assert.Contains(t, recover(), "broken") }()
		thread.Do(func() error { panic("broken") })
	}()
	require.NoError(t, thread.Do(func() error { return nil }))
	require.ErrorIs(t, thread.Close(), last)
	require.ErrorIs(t, thread.Close(), gone)
	require.ErrorIs(t, thread.Do(func() error { return nil }), gone)

	_, err = NewThread(gone, func() error { return broken }, func() error { panic("nothing was opened") })
	require.ErrorIs(t, err, broken)
}
