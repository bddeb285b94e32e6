package train

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLongerBudget: a complete run with a longer budget goes on, at a learning rate of the longer schedule.
func TestLongerBudget(t *testing.T) {
	dir := t.TempDir()
	second := func(int) time.Duration { return time.Second }
	short := timed(dir, 2*time.Minute, second)
	require.NoError(t, short.Run(t.Context(), false))
	require.Equal(t, 1., short.state.Pace.Position)
	steps := short.state.Step

	longer := timed(dir, 4*time.Minute, second)
	require.NoError(t, longer.Run(t.Context(), true))
	require.InDelta(t, 240, longer.state.Pace.Spent, 8)
	require.InDelta(t, 2*steps, longer.state.Step, 15)
	first := 0.
	for _, row := range readCSV(t, dir+"/"+trainCSV) {
		if int(row["step"]) == steps+2 {
			first = row["lr"]
		}
	}
	require.InDelta(t, 0.05, first, 0.01, "half of the schedule is left")
}

// TestMorePatience: a run that lost its patience goes on with more.
func TestMorePatience(t *testing.T) {
	dir := t.TempDir()
	run := func(patience int, resume bool) *Loop[[]float32] {
		loop, model := toy(dir)
		loop.Config.Epochs, loop.Config.Patience = 20, patience
		model.evaluate = func(context.Context) error {
			model.w[0] = 90 // no better
			return nil
		}
		require.NoError(t, loop.Run(t.Context(), resume))
		require.True(t, loop.state.Done)
		return loop
	}
	require.Equal(t, 3, run(3, false).state.Epoch)
	require.Equal(t, 3, run(3, true).state.Epoch, "the same patience")
	require.Equal(t, 5, run(5, true).state.Epoch)
	require.Equal(t, 19, run(0, true).state.Epoch)
	require.Equal(t, 19, run(30, true).state.Epoch, "no epoch is left")
}

// dated is a source that notes which share of the run is done at the start of each epoch.
type dated struct {
	counting
	shares map[int]float64
	share  float64
}

func (d *dated) SetDone(share float64) { d.share = share }

func (d *dated) Seek(epoch, batch int) error {
	d.shares[epoch] = d.share
	return d.counting.Seek(epoch, batch)
}

// TestPaced: with a budget, the source knows how much of the run is done, and a resumed run says the same of an epoch that has begun.
func TestPaced(t *testing.T) {
	dir := t.TempDir()
	run := func(resume bool, until int) *dated {
		loop := timed(dir, 2*time.Minute, func(int) time.Duration { return time.Second })
		source := &dated{counting: counting{batches: 5}, shares: map[int]float64{}}
		loop.Source = source
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		loop.Model.(*quadratic).stop = func(context.Context) error {
			if loop.state.Step == until {
				cancel()
			}
			return nil
		}
		err := loop.Run(ctx, resume)
		if until > 0 {
			require.ErrorAs(t, err, new(*InterruptedError))
		} else {
			require.NoError(t, err)
		}
		return source
	}
	begun := run(false, 48)
	require.Zero(t, begun.shares[0])
	require.Len(t, begun.shares, 10)
	resumed := run(true, 0)
	require.Equal(t, begun.shares[9], resumed.shares[9])
	require.InDelta(t, 0.45, resumed.shares[9], 0.1)
	last := 0.
	for epoch := 9; epoch < 9+len(resumed.shares); epoch++ {
		require.GreaterOrEqual(t, resumed.shares[epoch], last)
		last = resumed.shares[epoch]
	}
	require.Greater(t, last, 0.9)
}
