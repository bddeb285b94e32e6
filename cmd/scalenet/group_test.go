package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram is the environment variable that makes the test binary the program.
const asProgram = "SCALENET_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// mpirun runs the program in n processes and returns the status and all output.
func mpirun(t *testing.T, n int, args ...string) (status int, output string) {
	t.Helper()
	path, err := exec.LookPath("mpirun")
	if err != nil {
		t.Skip("mpirun not found: install Open MPI (Debian: openmpi-bin)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, path, append([]string{"--oversubscribe", "--bind-to", "none", "-np", fmt.Sprint(n), os.Args[0]}, args...)...)
	c.Env = append(os.Environ(), asProgram+"=1", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	text, err := c.CombinedOutput()
	require.NoError(t, ctx.Err(), string(text))
	if err != nil {
		require.IsType(t, (*exec.ExitError)(nil), err)
	}
	return c.ProcessState.ExitCode(), string(text)
}

// Any number of processes writes the same files as one, and goes on with any number.
func TestTrainTogether(t *testing.T) {
	_, args := tinyRun(t)
	dir := t.TempDir()
	with := func(out string, more ...string) []string {
		return append(replaced(args, "--set", "batch=1", "--set", "train.accumulate=4", "--set", "train.ema_decay=0.9", "--set", "train.log_steps=1", "--out", filepath.Join(dir, out), "--threads", "1"), more...)
	}
	status, _, stderr := scalenet(with("alone", "--epochs", "3")...)
	require.Zero(t, status, stderr)
	want := contents(t, filepath.Join(dir, "alone"))
	same := func(out string) {
		t.Helper()
		got := contents(t, filepath.Join(dir, out))
		for _, name := range []string{"state.safetensors", "last.safetensors", "best.safetensors", "config.yaml", "eval.csv"} {
			require.True(t, want[name] == got[name], "%s of %s", name, out)
		}
	}
	for _, n := range []int{2, 3, 4} {
		out := fmt.Sprint(n)
		status, text := mpirun(t, n, with(out, "--epochs", "3")...)
		require.Zero(t, status, text)
		require.Equal(t, 1, strings.Count(text, "epoch 3 evaluated"), "only the first prints: %s", text)
		same(out)
	}
	for i, n := range []int{2, 1, 4} {
		more := []string{"--epochs", fmt.Sprint(i + 1)}
		if i > 0 {
			more = append(more, "--resume")
		}
		status, text := mpirun(t, n, with("resumed", more...)...)
		require.Zero(t, status, text)
	}
	same("resumed")

	evaluate := func(results string) []string {
		return []string{"eval", "--model", filepath.Join(dir, "alone", "best.safetensors"), "--data", instancesFile, "--images", imagesDir, "--results", filepath.Join(dir, results), "--threads", "1"}
	}
	status, _, stderr = scalenet(evaluate("1.json")...)
	require.Zero(t, status, stderr)
	status, text := mpirun(t, 3, evaluate("3.json")...)
	require.Zero(t, status, text)
	one, err := os.ReadFile(filepath.Join(dir, "1.json"))
	require.NoError(t, err)
	three, err := os.ReadFile(filepath.Join(dir, "3.json"))
	require.NoError(t, err)
	require.True(t, string(one) == string(three), "the results of eval")

	data := colourImages(t)
	classify := func(out string) []string {
		return append(replaced(append([]string{"classify", "train", "--data", data, "--out", filepath.Join(dir, out)}, tinyBackbone...), "--set", "batch=1", "--set", "train.accumulate=4"), "--threads", "1")
	}
	status, _, stderr = scalenet(classify("c1")...)
	require.Zero(t, status, stderr)
	status, text = mpirun(t, 3, classify("c3")...)
	require.Zero(t, status, text)
	require.True(t, contents(t, filepath.Join(dir, "c1"))["state.safetensors"] == contents(t, filepath.Join(dir, "c3"))["state.safetensors"], "the state of a classifier")

	status, text = mpirun(t, 2, append(replaced(args, "--set", "batch=4"), "--epochs", "1")...)
	require.Equal(t, 1, status, text)
	require.Contains(t, text, "train.accumulate = 1: a step is shared out by its batches, and 2 processes need at least 2")
}
