package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/train"
)

// patience is how long a test waits for a program, on a machine that is busy. It is less than the limit of processes that wait for each other.
const patience = 5 * time.Minute

// asProgram is the environment variable that makes the test binary the program.
const asProgram = "SCALENET_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// mpirun runs the program in n processes and returns the status and all output: what went to standard output, then what went to standard error.
func mpirun(t *testing.T, n int, args ...string) (status int, output string) {
	t.Helper()
	return launch(t, append([]string{"-np", fmt.Sprint(n), os.Args[0]}, args...))
}

// mpiruns is mpirun of one process with each of several lists of arguments.
func mpiruns(t *testing.T, lists ...[]string) (status int, output string) {
	t.Helper()
	var all []string
	for i, args := range lists {
		if i > 0 {
			all = append(all, ":")
		}
		all = append(append(all, "-np", "1", os.Args[0]), args...)
	}
	return launch(t, all)
}

// launcher returns the command that starts processes.
func launcher(ctx context.Context, t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("mpirun")
	if err != nil {
		t.Skip("mpirun not found: install Open MPI (Debian: openmpi-bin)")
	}
	c := exec.CommandContext(ctx, path, append([]string{"--oversubscribe", "--bind-to", "none"}, args...)...)
	c.Env = append(os.Environ(), asProgram+"=1", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1")
	return c
}

func launch(t *testing.T, args []string) (status int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := launcher(ctx, t, args)
	var stdout, stderr strings.Builder // apart: lines of one could come between those of the other
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	text := stdout.String() + stderr.String()
	require.NoError(t, ctx.Err(), text)
	if err != nil {
		require.IsType(t, (*exec.ExitError)(nil), err)
	}
	return c.ProcessState.ExitCode(), text
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

	variants := map[string][]string{
		"pyramid":      {"--config", write(t, filepath.Join(dir, "pyramid.yaml"), tinyPyramid)},
		"frozen norms": {"--init", filepath.Join(dir, "alone", "best.safetensors"), "--set", "frozen.norms=true", "--set", "train.accumulate=6"}, // the epoch has 4 batches
		"bfloat16":     {"--set", "train.precision=bfloat16", "--set", "train.accumulate=3"},                                                     // 3 batches and 1
	}
	dev, err := (&deviceOptions{name: "cpu"}).open()
	require.NoError(t, err)
	if train.BFloat16.On(dev) != nil {
		delete(variants, "bfloat16")
	}
	require.NoError(t, dev.Close())
	for name, more := range variants {
		status, _, stderr := scalenet(replaced(with(name, "--epochs", "1"), more...)...)
		require.Zero(t, status, stderr)
		want = contents(t, filepath.Join(dir, name))
		status, text := mpirun(t, 3, replaced(with(name+" of 3", "--epochs", "1"), more...)...)
		require.Zero(t, status, text)
		same(name + " of 3")
	}

	evaluate := func(results string) []string {
		return []string{"eval", "--model", filepath.Join(dir, "alone", "best.safetensors"), "--data", instancesFile, "--images", imagesDir, "--results", filepath.Join(dir, results), "--threads", "1"}
	}
	status, _, stderr = scalenet(evaluate("1.json")...)
	require.Zero(t, status, stderr)
	status, text := mpirun(t, 3, evaluate("3.json")...)
	require.Zero(t, status, text)
	require.Contains(t, text, "\n4 images in ")
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

// classifierRun trains a tiny classifier, and returns the arguments of its training but for --out.
func classifierRun(t *testing.T) (dir string, args []string) {
	t.Helper()
	dir = t.TempDir()
	args = append([]string{"classify", "train", "--data", colourImages(t)}, tinyBackbone...)
	args = append(replaced(args, "--set", "batch=1", "--set", "train.accumulate=4", "--set", "train.log_steps=1"), "--threads", "1")
	status, _, stderr := scalenet(append(args, "--out", filepath.Join(dir, "alone"))...)
	require.Zero(t, status, stderr)
	return dir, withoutEpochs(args)
}

// withoutEpochs leaves out --set train.epochs, so that --epochs can be given.
func withoutEpochs(args []string) []string {
	at := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "train.epochs=") })
	if at < 0 {
		return args
	}
	return slices.Concat(args[:at-1], args[at+1:])
}

func TestClassifyEvalTogether(t *testing.T) {
	dir, args := classifierRun(t)
	data := args[3]
	require.NoError(t, os.WriteFile(filepath.Join(data, "val", "red", "broken.png"), []byte("no image"), 0o644))
	evaluate := []string{"classify", "eval", "--model", filepath.Join(dir, "alone", "best.safetensors"), "--data", data, "--batch", "1", "--skip-bad", "--threads", "1"}
	for _, form := range [][]string{evaluate, append(evaluate, "--json")} {
		status, want, stderr := scalenet(form...)
		require.Zero(t, status, stderr)
		for _, n := range []int{2, 4} {
			status, text := mpirun(t, n, form...)
			require.Zero(t, status, text)
			require.Contains(t, text, want)
			require.Equal(t, 1, strings.Count(text, "broken.png"), text)
			require.Equal(t, 1, strings.Count(text, "skipped 1 image that could not be read"), text)
		}
	}
	status, text := mpirun(t, 2, evaluate[:len(evaluate)-3]...) // without --skip-bad
	require.Equal(t, 1, status, text)
	require.Contains(t, text, "broken.png")
}

func TestSearchTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	data := tinyCIFAR(t)
	search := func(out string) []string {
		return replaced(tinySearch(data, out), "--set", "batch=2", "--set", "train.accumulate=4")
	}
	alone, three := filepath.Join(t.TempDir(), "alone"), filepath.Join(t.TempDir(), "three")
	status, stdout, stderr := scalenet(search(alone)...)
	require.Zero(t, status, stderr)
	status, text := mpirun(t, 3, search(three)...)
	require.Zero(t, status, text)
	require.Contains(t, text, stdout)
	equalOutcomes(t, outcome(t, alone), outcome(t, three))
	// Stopped in the middle, and resumed by others.
	require.NoError(t, os.RemoveAll(filepath.Join(three, "even")))
	require.NoError(t, os.RemoveAll(filepath.Join(three, "allocation")))
	status, text = mpirun(t, 2, "classify", "search", "--out", three, "--resume", "--threads", "1")
	require.Zero(t, status, text)
	equalOutcomes(t, outcome(t, alone), outcome(t, three))
}

// With gradients in bfloat16, too, any number of processes writes the same files, and the losses are close to those of float32.
func TestWireTogether(t *testing.T) {
	dir, classifier := classifierRun(t) // in float32
	wire := []string{"--set", "train.wire=bfloat16"}
	state := func(out string) string { return contents(t, filepath.Join(dir, out))["state.safetensors"] }
	with := func(args []string, out string) []string {
		return slices.Concat(args, []string{"--out", filepath.Join(dir, out)}, wire)
	}
	_, detector := tinyRun(t)
	detector = replaced(detector, "--set", "batch=1", "--set", "train.accumulate=4", "--set", "train.log_steps=1", "--threads", "1")
	for kind, args := range map[string][]string{"classifier": append(classifier, "--epochs", "3"), "detector": append(detector, "--epochs", "1")} {
		status, _, stderr := scalenet(with(args, kind+"1")...)
		require.Zero(t, status, stderr)
		for n := 2; n <= 4; n++ {
			out := fmt.Sprint(kind, n)
			status, text := mpirun(t, n, with(args, out)...)
			require.Zero(t, status, text)
			require.True(t, state(kind+"1") == state(out), "the state of %s", out)
		}
	}
	require.False(t, state("alone") == state("classifier1"), "the wire makes a difference")
	var lists [2][]float64
	for i, extra := range [][]string{nil, wire} {
		out := filepath.Join(dir, fmt.Sprint("long", i))
		status, _, stderr := scalenet(slices.Concat(detector, []string{"--out", out, "--epochs", "10"}, extra)...)
		require.Zero(t, status, stderr)
		lists[i] = losses(t, out)
	}
	require.Len(t, lists[0], 10)
	require.NotEqual(t, lists[0], lists[1])
	require.InEpsilonSlice(t, lists[0], lists[1], 0.01)
	// A run keeps its wire.
	status, _, stderr := scalenet(append(append(slices.Clone(classifier), "--epochs", "4", "--resume", "--out"), filepath.Join(dir, "classifier1"))...)
	requireError(t, status, stderr, "train.wire")
}

// losses returns the losses of the steps of a run.
func losses(t *testing.T, dir string) (list []float64) {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "train.csv"))
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	column := slices.Index(rows[0], "loss")
	require.GreaterOrEqual(t, column, 0, rows[0])
	for _, row := range rows[1:] {
		loss, err := strconv.ParseFloat(row[column], 64)
		require.NoError(t, err)
		list = append(list, loss)
	}
	return list
}

// A host without the folder of the run gets the state from the first process. A folder that differs is an error that names both.
func TestResumeWithoutSharedFolder(t *testing.T) {
	dir, args := classifierRun(t)
	_, detector := tinyRun(t)
	detector = replaced(detector, "--set", "batch=1", "--set", "train.accumulate=4", "--set", "train.log_steps=1", "--threads", "1")
	for name, args := range map[string][]string{"classifier": args, "detector": detector} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(dir, name)
			out := func(name string) string { return filepath.Join(dir, name) }
			with := func(out string, more ...string) []string { return slices.Concat(args, []string{"--out", out}, more) }
			status, _, stderr := scalenet(with(out("whole"), "--epochs", "2")...)
			require.Zero(t, status, stderr)
			status, _, stderr = scalenet(with(out("first"), "--epochs", "1")...)
			require.Zero(t, status, stderr)
			require.NoError(t, os.CopyFS(out("older"), os.DirFS(out("first"))))

			status, text := mpiruns(t, with(out("first"), "--epochs", "2", "--resume"), with(out("none"), "--epochs", "2", "--resume"))
			require.Zero(t, status, text)
			require.True(t, contents(t, out("whole"))["state.safetensors"] == contents(t, out("first"))["state.safetensors"], "the state")
			require.NoDirExists(t, out("none"))

			status, text = mpiruns(t, with(out("first"), "--epochs", "3", "--resume"), with(out("older"), "--epochs", "3", "--resume"))
			require.Equal(t, 1, status, text)
			require.Regexp(t, "rank 1 on .* has the state after step [0-9]+, rank 0 on .* another one after step [0-9]+", text)
			require.NoError(t, os.Remove(filepath.Join(out("first"), "state.safetensors")))
			status, text = mpiruns(t, with(out("first"), "--epochs", "3", "--resume"), with(out("older"), "--epochs", "3", "--resume"))
			require.Equal(t, 1, status, text)
			require.Regexp(t, "state.safetensors: rank 1 on .* has it, rank 0 on .* has not", text)
		})
	}
}

// SIGUSR1 to mpirun reaches all processes: they save, go on, and end with the same bits.
func TestSaveSignalTogether(t *testing.T) {
	dir, args := classifierRun(t)
	with := func(out string) []string {
		return slices.Concat(args, []string{"--out", filepath.Join(dir, out), "--epochs", "20", "--set", "train.eval_epochs=0"})
	}
	status, _, stderr := scalenet(with("whole")...)
	require.Zero(t, status, stderr)
	program := append([]string{os.Args[0]}, with("signalled")...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	single := exec.CommandContext(ctx, program[0], with("single")...)
	single.Env = append(os.Environ(), asProgram+"=1")
	for out, c := range map[string]*exec.Cmd{"single": single, "signalled": launcher(ctx, t, append([]string{"-np", "3"}, program...))} {
		var text bytes.Buffer
		c.Stdout, c.Stderr = &text, &text
		require.NoError(t, c.Start())
		require.Eventually(t, func() bool { // after the first save, as the handler is there then
			return exists(filepath.Join(dir, out, "state.safetensors"))
		}, patience, time.Millisecond)
		require.NoError(t, c.Process.Signal(syscall.SIGUSR1))
		require.NoError(t, c.Wait(), text.String())
		require.Contains(t, text.String(), "SIGUSR1: saved after step ", out)
		require.True(t, contents(t, filepath.Join(dir, "whole"))["state.safetensors"] == contents(t, filepath.Join(dir, out))["state.safetensors"], "the state of %s", out)
	}
}

// A resumed run takes the threads of the run. Others are an error.
func TestThreadsOfResumedRun(t *testing.T) {
	dir, args := classifierRun(t)
	args = slices.Concat(args[:4], []string{"--out", filepath.Join(dir, "alone"), "--resume", "--epochs", "4"})
	status, _, stderr := scalenet(append(args, "--threads", "3")...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "the run has 1 threads per process, now there are 3")
	status, _, stderr = scalenet(args...)
	require.Zero(t, status, stderr)
}
