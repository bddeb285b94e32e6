package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ranksOf returns the processes of a group, by rank, that have an argument.
func ranksOf(argument string) map[int]int {
	ranks := map[int]int{}
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		line, _ := os.ReadFile(filepath.Join(folder, "cmdline"))
		environ, _ := os.ReadFile(filepath.Join(folder, "environ"))
		if !slices.Contains(strings.Split(string(line), "\x00"), argument) {
			continue
		}
		for _, variable := range strings.Split(string(environ), "\x00") {
			if text, ok := strings.CutPrefix(variable, "OMPI_COMM_WORLD_RANK="); ok {
				rank, _ := strconv.Atoi(text)
				ranks[rank], _ = strconv.Atoi(filepath.Base(folder))
			}
		}
	}
	return ranks
}

// saves waits until a file has been written a number of times from now on.
func saves(t *testing.T, file string, times int) {
	t.Helper()
	var last time.Time
	if info, err := os.Stat(file); err == nil {
		last = info.ModTime()
	}
	require.Eventually(t, func() bool {
		if info, err := os.Stat(file); err == nil && info.ModTime() != last {
			last = info.ModTime()
			times--
		}
		return times <= 0
	}, patience, time.Millisecond)
}

// A random rank is killed at random moments (SCALENET_KILLS, 1 without it), and the run resumed by a random number of processes each time. It
// ends with the bits of a run that was not touched, and no process is left behind.
func TestKilledRanks(t *testing.T) {
	kills := 1
	if text := os.Getenv("SCALENET_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	dir, args := classifierRun(t)
	args = slices.Concat(args, []string{"--epochs", fmt.Sprint(10 + 10*kills), "--set", "train.eval_epochs=10", "--set", "train.save_steps=3"})
	whole, out := filepath.Join(dir, "whole"), filepath.Join(dir, "killed")
	status, _, stderr := scalenet(slices.Concat(args, []string{"--out", whole})...)
	require.Zero(t, status, stderr)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	run := func() []string {
		run := slices.Concat(args, []string{"--out", out})
		if exists(out) {
			run = append(run, "--resume")
		}
		return run
	}
	for kill := range kills {
		n := 2 + random.IntN(3)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		c := launcher(ctx, t, slices.Concat([]string{"-np", fmt.Sprint(n), os.Args[0]}, run()))
		var text bytes.Buffer
		c.Stdout, c.Stderr, c.WaitDelay = &text, &text, time.Minute
		require.NoError(t, c.Start())
		require.Eventually(t, func() bool { return len(ranksOf(out)) == n }, patience, 5*time.Millisecond)
		saves(t, filepath.Join(out, "state.safetensors"), random.IntN(6))
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		rank := random.IntN(n)
		pid := ranksOf(out)[rank]
		require.NotZero(t, pid, "the run has ended before kill %d: %s", kill, text.String())
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		killed := time.Now()
		require.Error(t, c.Wait())
		require.NoError(t, ctx.Err())
		cancel()
		require.Equal(t, 137, c.ProcessState.ExitCode(), text.String())
		require.Eventually(t, func() bool { return len(ranksOf(out)) == 0 }, time.Minute, 10*time.Millisecond, "processes are left behind")
		t.Logf("kill %d: rank %d of %d, all ended after %v", kill+1, rank, n, time.Since(killed).Round(time.Millisecond))
	}
	status, _, stderr = scalenet(run()...)
	require.Zero(t, status, stderr)
	want, got := contents(t, whole), contents(t, out)
	for _, name := range []string{"state.safetensors", "last.safetensors", "best.safetensors", "eval.csv"} {
		require.True(t, want[name] == got[name], "%s after %d kills", name, kills)
	}
}
