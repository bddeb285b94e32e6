package pending

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQueueFinishesInOrder(t *testing.T) {
	var queue Queue
	var calls []string
	for i := range 3 {
		calls = append(calls, fmt.Sprint("start ", i))
		queue.Add(func() error {
			calls = append(calls, fmt.Sprint("finish ", i))
			return nil
		})
		require.NoError(t, queue.FinishAllBut(1))
		require.LessOrEqual(t, queue.Len(), 1)
	}
	require.NoError(t, queue.FinishAllBut(0))
	require.NoError(t, queue.FinishAllBut(0), "nothing is pending")
	require.Equal(t, []string{"start 0", "start 1", "finish 0", "start 2", "finish 1", "finish 2"}, calls)
}

func TestQueueStopsAtAnError(t *testing.T) {
	broken := errors.New("broken")
	var queue Queue
	var finished []int
	for i := range 4 {
		queue.Add(func() error {
			finished = append(finished, i)
			if i == 1 {
				return broken
			}
			return nil
		})
	}
	require.ErrorIs(t, queue.FinishAllBut(0), broken)
	require.Equal(t, []int{0, 1}, finished)
	require.Equal(t, 2, queue.Len())
	require.NoError(t, queue.FinishAllBut(0))
	require.Equal(t, []int{0, 1, 2, 3}, finished)
}
