package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/collective"
	"scalenet/detector"
	conf "scalenet/internal/config"
	"scalenet/train"
)

// A corrupt image of one process ends all, with a line that names rank and host, and the last save is whole. Without --threads each process has its share of
// the processors.
func TestFaultTogether(t *testing.T) {
	data, out := colourImages(t), filepath.Join(t.TempDir(), "run")
	args := append([]string{"classify", "train", "--data", data, "--out", out}, tinyBackbone...)
	args = withoutEpochs(replaced(args, "--set", "batch=1", "--set", "train.accumulate=2"))
	status, text := mpirun(t, 2, append(args, "--epochs", "1")...)
	require.Zero(t, status, text)
	begun, err := train.ReadBegun(out)
	require.NoError(t, err)
	require.Equal(t, max(1, runtime.NumCPU()/2), begun.Threads)
	saved := contents(t, out)
	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.CopyFS(broken, os.DirFS(data)))
	images, err := filepath.Glob(filepath.Join(broken, "train", "*", "*"))
	require.NoError(t, err)
	for _, image := range images {
		require.NoError(t, os.WriteFile(image, []byte("no image"), 0o644))
	}
	args = append(args, "--epochs", "2", "--resume")
	status, text = mpiruns(t, args, replaced(args, "--data", broken))
	require.Equal(t, 1, status, text)
	require.Regexp(t, `(?m)^scalenet: rank 1 on .*: .*\.png: `, text)
	require.Equal(t, saved["state.safetensors"], contents(t, out)["state.safetensors"])
}

// Processes of a group with different files or flags are an error, which one line names.
func TestDifferentProcesses(t *testing.T) {
	_, args := tinyRun(t)
	dir := t.TempDir()
	fit := replaced(args, "--set", "batch=1", "--set", "train.accumulate=2", "--epochs", "1", "--threads", "1")
	config := write(t, filepath.Join(dir, "other.yaml"), strings.Replace(tinyConfig, "batch: 2", "batch: 3", 1))
	var models []string // of the same shapes
	for seed := range uint64(2) {
		c, err := detector.Presets().Get("default")
		require.NoError(t, err)
		require.NoError(t, conf.Merge(&c, []byte(tinyConfig), "tiny"))
		m, err := detector.New(c, []string{"RBC", "WBC", "Platelets", "king"}, seed)
		require.NoError(t, err)
		models = append(models, filepath.Join(dir, fmt.Sprint(seed, ".safetensors")))
		require.NoError(t, m.Save(models[seed]))
	}
	classifier, classify := classifierRun(t)
	classify = slices.Concat(classify, []string{"--epochs", "1", "--out", filepath.Join(dir, "classifier")})
	evaluate := []string{"eval", "--model", models[0], "--data", instancesFile, "--images", imagesDir, "--threads", "1"}
	for name, v := range map[string]struct {
		args, first, second []string
		want                string
	}{
		"values of --init":     {fit, []string{"--init", models[0]}, []string{"--init", models[1]}, "the initial parameters [0-9a-f]{32}, rank 0 on .* has [0-9a-f]{32}"},
		"one --init":           {fit, nil, []string{"--init", models[1]}, "the initial parameters"},
		"--init of classifier": {classify, nil, []string{"--init", filepath.Join(classifier, "alone", "best.safetensors")}, "the initial parameters"},
		"--lr":                 {fit, nil, []string{"--lr", "0.5"}, "--lr 0.5, rank 0 on .* has none"},
		"--set":                {fit, []string{"--set", "train.lr=0.1"}, []string{"--set", "train.lr=0.2"}, "--set"},
		"--config":             {fit, nil, []string{"--config", config}, "--config batch: 3, rank 0 on .* has batch: 2"},
		"--budget":             {fit, nil, []string{"--budget", "1h"}, "--budget 1h0m0s, rank 0 on .* has 0s"},
		"--tile":               {evaluate, nil, []string{"--tile", "200"}, "--tile 200, rank 0 on .* has 0"},
		"--size":               {evaluate, []string{"--size", "64/96"}, []string{"--size", "64/128"}, "--size 64/128, rank 0 on .* has 64/96"},
		"--device":             {evaluate, nil, []string{"--device", "ref"}, "--device ref, rank 0 on .* has cpu"},
		"model":                {evaluate, nil, []string{"--model", models[1]}, "the model"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // mpirun waits for two seconds
			if v.args[0] != "eval" {
				v.args = slices.Concat(v.args, []string{"--out", filepath.Join(t.TempDir(), "run")})
			}
			status, text := mpiruns(t, slices.Concat(v.args, v.first), slices.Concat(v.args, v.second))
			require.Equal(t, 1, status, text)
			require.Regexp(t, "(?m)^scalenet: rank 1 on [^:]* has "+v.want+".*: all processes need the same$", text)
			require.Equal(t, 1, strings.Count(text, "rank 1 on "), text)
		})
	}
}

// What the processes must have in common is compared at the start. A difference names the fact, the rank and its host.
func TestDifferencesAreNamed(t *testing.T) {
	common := facts{"the program": "ab12", "the configuration": "lr: 1\nbatch: 2", "the training data": "cd34", "a processor with": "avx512", "threads": "1"}
	for name, other := range map[string]string{"": "", "the program": "ef56", "the configuration": "lr: 2\nbatch: 2", "the training data": "0", "a processor with": "avx2", "threads": "2"} {
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for rank, g := range collective.NewLocal(3, collective.Options{Limit: time.Minute}) {
			own := maps.Clone(common)
			if rank == 2 && name != "" {
				own[name] = other
			}
			wg.Go(func() { errs[rank] = group{g}.same(own) })
		}
		wg.Wait()
		for _, err := range errs {
			if name == "" {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, "rank 2 on ")
			require.ErrorContains(t, err, " has "+name+" ")
			require.ErrorContains(t, err, "all processes need the same")
			require.Equal(t, 1, strings.Count(err.Error(), "rank 2 on"), "also if rank 2 says it")
		}
	}
}

// An error says once where it was met. What all processes know the first says, so that the others end without an error.
func TestGroupEnds(t *testing.T) {
	some := errors.New("x.png: broken")
	for name, v := range map[string]struct {
		err    error
		wanted []string // by rank
	}{
		"none":          {nil, []string{"", ""}},
		"own":           {some, []string{"x.png: broken", "rank 1 on .*: x.png: broken"}},
		"known":         {&knownError{some}, []string{"x.png: broken", ""}},
		"of a step":     {&train.RankError{Rank: 1, Host: "vm", Failed: "x.png"}, []string{"rank 1 on vm: x.png", ""}},
		"interrupted":   {fmt.Errorf("a run: %w", &train.InterruptedError{Step: 7, Dir: "d"}), []string{"a run: stopped after step 7; .*", ""}},
		"of collective": {&collective.Error{Rank: 1, Size: 2, Host: "vm", Operation: "sum", Peer: -1, Err: some}, []string{"rank 1 of 2 on vm: sum: .*", "rank 1 of 2 on vm: sum: .*"}},
	} {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			errs := make([]error, 2)
			for rank, g := range collective.NewLocal(2, collective.Options{Limit: time.Minute}) {
				wg.Go(func() { errs[rank] = group{g}.end(v.err) })
			}
			wg.Wait()
			for rank, err := range errs {
				if v.wanted[rank] == "" {
					require.NoError(t, err)
				} else {
					require.Regexp(t, "^"+v.wanted[rank]+"$", err.Error())
				}
			}
		})
	}
}

// SIGTERM to mpirun, which lets the processes the time to save, saves the run, and one line says so.
func TestStoppedTogether(t *testing.T) {
	dir, args := classifierRun(t)
	out := filepath.Join(dir, "stopped")
	args = slices.Concat(args, []string{"--out", out, "--epochs", "10000", "--set", "train.eval_epochs=0"})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := launcher(ctx, t, slices.Concat([]string{"--mca", "odls_base_sigkill_timeout", "3", "-np", "2", os.Args[0]}, args))
	var text bytes.Buffer
	c.Stdout, c.Stderr = &text, &text
	require.NoError(t, c.Start())
	require.Eventually(t, func() bool { return exists(filepath.Join(out, "state.safetensors")) }, patience, time.Millisecond)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.Error(t, c.Wait())
	require.Equal(t, 1, strings.Count(text.String(), "stopped after step "), text.String())
}

// What an evaluation says when it is stopped is true also if it keeps no partial results, as in several processes.
func TestEvalStopped(t *testing.T) {
	require.Equal(t, "stopping after this image; the detections so far are kept", stopping("r.json.partial"))
	require.Equal(t, "stopping after this image", stopping(""))
	require.EqualError(t, newStoppedError(1, 4, "images", "r.json.partial"), "stopped after 1 of 4 images; --resume continues from there")
	require.EqualError(t, newStoppedError(1, 2, "images of this process", ""), "stopped after 1 of 2 images of this process")
	for rank, want := range []int{3, 2, 2} {
		require.Equal(t, want, group{collective.NewLocal(3, collective.Options{})[rank]}.part(7))
	}
}

// What several processes cannot do is said once, before anything is read.
func TestNotTogether(t *testing.T) {
	for want, args := range map[string][]string{
		"--shard is for processes that do not know each other":                  {"eval", "--model", "absent.safetensors", "--data", "absent", "--results", "absent.json", "--shard", "0/2"},
		"--resume: an evaluation in several processes keeps no partial results": {"eval", "--model", "absent.safetensors", "--data", "absent", "--results", "absent.json", "--resume"},
	} {
		status, text := mpirun(t, 2, args...)
		require.Equal(t, 1, status, text)
		require.Equal(t, 1, strings.Count(text, want), text)
	}
}
