package train

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/internal/config"
)

// timed is a run with a budget on a clock of the test: each step takes step(n), each
// evaluation 3 s.
func timed(dir string, budget time.Duration, step func(n int) time.Duration) *Loop[[]float32] {
	loop, model := toy(dir)
	loop.Config.Accumulate, loop.Config.LogSteps, loop.Config.Epochs = 1, 1, 1
	loop.Config.Budget = Duration(budget)
	loop.Config.Schedule = Schedule{Kind: "cosine", WarmupSteps: 20, WarmupFactor: 0.1}
	now := time.Unix(0, 0)
	loop.clock = func() time.Time { return now }
	n := 0
	model.backward = func([]float32, []Metric) {
		n++
		now = now.Add(step(n))
	}
	model.evaluate = func(context.Context) error {
		now = now.Add(3 * time.Second)
		return nil
	}
	return loop
}

func readCSV(t *testing.T, path string) (rows []map[string]float64) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	for _, r := range records[1:] {
		row := map[string]float64{}
		for i, name := range records[0] {
			row[name], _ = strconv.ParseFloat(r[i], 64)
		}
		rows = append(rows, row)
	}
	return rows
}

// A run ends within its budget, whatever the speed of the steps, with a complete
// schedule and an evaluation.
func TestBudget(t *testing.T) {
	second := func(int) time.Duration { return time.Second }
	for name, c := range map[string]struct {
		budget time.Duration
		step   func(int) time.Duration
		least  float64 // of the budget that is used
	}{
		"steady":         {5 * time.Minute, second, 0.97},
		"slower midway":  {5 * time.Minute, func(n int) time.Duration { return time.Second * time.Duration(1+n/100) }, 0.97},
		"faster midway":  {5 * time.Minute, func(n int) time.Duration { return time.Second / time.Duration(1+n/100) }, 0.97},
		"slow first":     {5 * time.Minute, func(n int) time.Duration { return time.Second * time.Duration(1+29/n) }, 0.95},
		"one long pause": {5 * time.Minute, func(n int) time.Duration { return time.Second * time.Duration(1+n/70*(71-min(n, 71))*60) }, 0.95},
		"short":          {20 * time.Second, second, 0.8},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			loop := timed(dir, c.budget, c.step)
			require.NoError(t, loop.Run(t.Context(), false))
			spent := loop.state.Pace.Spent
			require.LessOrEqual(t, spent, 1.01*c.budget.Seconds()+1)
			require.GreaterOrEqual(t, spent, c.least*c.budget.Seconds())
			rows, evaluations := readCSV(t, filepath.Join(dir, trainCSV)), readCSV(t, filepath.Join(dir, evalCSV))
			require.Equal(t, rows[len(rows)-1]["step"], evaluations[len(evaluations)-1]["step"], "the end is evaluated")
			require.Less(t, rows[len(rows)-1]["lr"], 0.005, "the schedule is complete")
			require.Less(t, len(evaluations), 13)
			for i := 1; i < len(rows); i++ {
				if int(rows[i]["step"]) > max(loop.state.Pace.Warmup, unmeasuredSteps)+2 {
					require.LessOrEqual(t, rows[i]["lr"], rows[i-1]["lr"], "step %v", rows[i]["step"])
				}
			}
		})
	}
}

// The time of earlier processes counts.
func TestBudgetResume(t *testing.T) {
	dir := t.TempDir()
	step := func(int) time.Duration { return time.Second }
	loop := timed(dir, 2*time.Minute, step)
	ctx, cancel := context.WithCancel(t.Context())
	loop.Model.(*quadratic).stop = func(context.Context) error {
		if loop.state.Step == 49 {
			cancel()
		}
		return nil
	}
	require.ErrorAs(t, loop.Run(ctx, false), new(*InterruptedError))
	again := timed(dir, 2*time.Minute, step)
	require.NoError(t, again.Run(t.Context(), true))
	require.InDelta(t, 120, again.state.Pace.Spent, 5)
	require.InDelta(t, 105, again.state.Step, 10)
	require.NoError(t, again.Run(t.Context(), true), "a finished run stays finished")
}

func TestPatience(t *testing.T) {
	loop, model := toy(t.TempDir())
	loop.Config.Epochs, loop.Config.Patience = 50, 3
	model.evaluate = func(context.Context) error {
		if model.evaluated > 4 { // no better from here on
			model.w[0] = 90
		}
		return nil
	}
	require.NoError(t, loop.Run(t.Context(), false))
	require.LessOrEqual(t, model.evaluated, 8)
	require.True(t, loop.state.Done)
}

func TestBudgetConfig(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, config.Assign(&c, "budget=90m"))
	require.Contains(t, config.YAML(c), "budget: 1h30m\n")
	require.ErrorContains(t, c.Validate(), `train.schedule.kind = step: must be cosine if train.budget is set`)
	require.ErrorContains(t, config.Assign(&c, "budget=15"), "budget: 15 is not a length of time: want one such as 90s, 15m or 1h30m")
	require.ErrorContains(t, config.Assign(&c, "budget=-5m"), "-5m")
	c = DefaultConfig()
	c.Patience, c.EvalEpochs = 2, 0
	require.ErrorContains(t, c.Validate(), "train.patience = 2")
	for d, text := range map[time.Duration]string{0: "0s", 90 * time.Second: "1m30s", time.Hour: "1h", 15 * time.Minute: "15m", 90 * time.Minute: "1h30m", 10 * time.Hour: "10h"} {
		require.Equal(t, text, Duration(d).String())
	}
}
