package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestResumeEqualsUninterrupted stops after every step, each time in a new
// process as it were, and once in each evaluation.
func TestResumeEqualsUninterrupted(t *testing.T) {
	for _, precision := range []Precision{Float32, BFloat16, Float16} {
		for _, optimizer := range []string{SGD, AdamW} {
			t.Run(string(precision)+" "+optimizer, func(t *testing.T) { resumeEqualsUninterrupted(t, precision, optimizer) })
		}
	}
}

func resumeEqualsUninterrupted(t *testing.T, precision Precision, optimizer string) {
	toy := func(dir string) (*Loop[[]float32], *quadratic) {
		loop, model := toy(dir)
		loop.Config.Precision, loop.Config.Optimizer = precision, optimizer
		model.largest = 20000 // the scale is halved on the way
		return loop, model
	}
	want := t.TempDir()
	loop, _ := toy(want)
	require.NoError(t, loop.Run(context.Background(), false))

	dir := t.TempDir()
	stops := 0
	for {
		loop, model := toy(dir)
		ctx, cancel := context.WithCancel(context.Background())
		batches := 0
		model.backward = func([]float32, []Metric) {
			if batches++; batches == 2 {
				cancel()
			}
		}
		model.evaluate = func(context.Context) error {
			if stops%3 == 0 {
				cancel()
			}
			return ctx.Err()
		}
		err := loop.Run(ctx, stops > 0)
		cancel()
		if err == nil {
			break
		}
		var interrupted *InterruptedError
		require.ErrorAs(t, err, &interrupted)
		require.Equal(t, 130, interrupted.ExitCode())
		stops++
		require.Less(t, stops, 40)
	}
	require.Greater(t, stops, 8)
	require.Equal(t, contents(t, want), contents(t, dir))
}

// A run that was saved before there was a choice of optimisers goes on to the bits that it would have come to then.
func TestResumeVersion1(t *testing.T) {
	want, dir := t.TempDir(), t.TempDir()
	loop, _ := toy(want)
	require.NoError(t, loop.Run(context.Background(), false))
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/version1")))
	loop, _ = toy(dir)
	loop.Config.Optimizer = AdamW
	require.ErrorContains(t, loop.Run(context.Background(), true), `the run has optimizer = "sgd", now it is "adamw"`)
	loop, _ = toy(dir)
	require.NoError(t, loop.Run(context.Background(), true))
	new := contents(t, want) // with 2 batches, the sum in sequence has the same bits
	new[StateFile] = strings.Replace(new[StateFile], `{\"version\":3,`, `{\"version\":2,`, 1)
	require.Equal(t, new, contents(t, dir))
	then, err := os.ReadFile("testdata/version1/want.safetensors")
	require.NoError(t, err)
	require.Equal(t, string(then), contents(t, dir)[LastFile])
	require.Contains(t, contents(t, dir)[StateFile], `"optimizer/momentum_buffer/w"`)
}

// TestKilled resumes from a state that is older than everything else in the
// folder, as after a kill or a power cut at any moment between saves.
func TestKilled(t *testing.T) {
	want := t.TempDir()
	loop, _ := toy(want)
	loop.Config.SaveSteps = 2
	require.NoError(t, loop.Run(context.Background(), false))

	dir := t.TempDir()
	killed := errors.New("killed")
	var old []byte
	for stop := range 20 {
		loop, model := toy(dir)
		loop.Config.SaveSteps = 2
		batches := 0
		model.backward = func([]float32, []Metric) {
			if batches++; batches == 5 {
				panic(killed)
			}
		}
		model.evaluate = func(context.Context) error {
			if stop%4 == 3 {
				panic(killed)
			}
			return nil
		}
		var err error
		func() {
			defer func() {
				if r := recover(); r != nil {
					err = r.(error)
				}
			}()
			err = loop.Run(context.Background(), stop > 0)
		}()
		if err == nil {
			require.Greater(t, stop, 3)
			require.Equal(t, contents(t, want), contents(t, dir))
			return
		}
		require.ErrorIs(t, err, killed)
		if stop == 3 && old != nil { // last.safetensors is a save ahead or behind
			require.NoError(t, os.WriteFile(filepath.Join(dir, StateFile), old, 0o644))
		}
		old, err = os.ReadFile(filepath.Join(dir, StateFile))
		require.NoError(t, err)
	}
	t.Fatal("does not get to the end")
}

func TestKilledBetweenTheTwoFilesOfTheLastSave(t *testing.T) {
	dir := t.TempDir()
	loop, _ := toy(dir)
	require.NoError(t, loop.Run(context.Background(), false))
	want := contents(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, LastFile)))
	loop, model := toy(dir)
	require.NoError(t, loop.Run(context.Background(), true))
	require.Zero(t, model.evaluated, "the run was done")
	require.Equal(t, want, contents(t, dir))
}
