package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"scalenet/train"
)

// A run that failed before its first save starts again, with --resume or
// without.
func TestFailedStartIsNoDeadEnd(t *testing.T) {
	_, args := tinyRun(t)
	out := args[len(args)-3]
	with := func(flags ...string) []string { return append(append([]string{}, args...), flags...) }
	status, _, stderr := scalenet(with("--set", "train.lr=1e30", "--set", "train.log_steps=1")...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "is the learning rate too high")
	require.NoFileExists(t, filepath.Join(out, "state.safetensors"))
	require.FileExists(t, filepath.Join(out, "config.yaml"))

	status, _, stderr = scalenet(with("--resume")...)
	requireError(t, status, stderr, "the run has train.lr = 1e+30, now it is 0.01")
	again := filepath.Join(t.TempDir(), "again")
	require.NoError(t, os.CopyFS(again, os.DirFS(out)))
	status, _, stderr = scalenet(with("--set", "train.epochs=1")...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, out+": the run has not saved anything, starting from step 0")
	written, err := os.ReadFile(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(written), "epochs: 1\n")

	// The same with --resume, also after a kill before config.yaml was there.
	require.NoError(t, os.Remove(filepath.Join(again, "config.yaml")))
	status, _, stderr = scalenet(with("--out", again, "--set", "train.epochs=1", "--resume")...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, "starting from step 0")
	require.Equal(t, cells(t, out), cells(t, again))
}

// What is none of a run's is not written over by one, nor is what it reads.
func TestRunWritesOverNothing(t *testing.T) {
	_, args := tinyRun(t)
	for name, text := range map[string]string{"train.csv": "image,label\n", "config.yaml": "mine: 1\n", "loss.png": "mine", "log.jsonl": "{}\n", "best.safetensors": "mine"} {
		out := t.TempDir()
		file := write(t, filepath.Join(out, name), text)
		for _, more := range [][]string{nil, {"--resume"}} {
			status, _, stderr := scalenet(append(append(slices.Clone(args), "--out", out), more...)...)
			require.Equal(t, 1, status, stderr)
			if more == nil {
				require.Contains(t, stderr, filepath.Base(file))
			}
			require.Equal(t, map[string]string{name: text}, contents(t, out), "%s %v", file, more)
		}
	}
	out := t.TempDir()
	config := write(t, filepath.Join(out, "config.yaml"), "train: {epochs: 1}\n")
	status, _, stderr := scalenet(append(slices.Clone(args), "--out", out, "--config", config)...)
	requireError(t, status, stderr, config+": is the input")
}

// cells is train.csv without the columns of times.
func cells(t *testing.T, dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "train.csv"))
	require.NoError(t, err)
	return timeColumns.ReplaceAllString(string(text), "")
}

func TestResumeAsItWas(t *testing.T) {
	config, args := tinyRun(t)
	out := args[len(args)-3]
	status, _, stderr := scalenet(append(args, "--set", "train.epochs=1")...)
	require.Zero(t, status, stderr)
	before := contents(t, out)
	data := []string{"train", "--train", instancesFile, "--train-images", imagesDir, "--val", instancesFile, "--val-images", imagesDir, "--allow-shared-images", "--out", out, "--threads", "1", "--resume"}
	with := func(flags ...string) []string { return append(append([]string{}, data...), flags...) }

	instances, err := os.ReadFile(instancesFile)
	require.NoError(t, err)
	changed := func(old, new string) string {
		require.Contains(t, string(instances), old)
		return write(t, filepath.Join(t.TempDir(), "changed.json"), strings.ReplaceAll(string(instances), old, new))
	}
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"anchors":    {[]string{"--set", "rpn.anchors.sizes=[8, 16]"}, "the run has rpn.anchors.sizes = [16, 32], now it is [8, 16]"},
		"channels":   {[]string{"--set", "rpn.channels=8"}, "the run has rpn.channels = 16, now it is 8"},
		"size":       {[]string{"--set", "input.shorter=[32]"}, "input.shorter = [64], now it is [32]"},
		"score":      {[]string{"--set", "roi.detections.score=0.3"}, "roi.detections.score = 0.05, now it is 0.3"},
		"frozen":     {[]string{"--set", "frozen.stages=1"}, "frozen.stages = -1, now it is 1"},
		"rate":       {[]string{"--set", "train.lr=0.5"}, "train.lr = 0.01, now it is 0.5"},
		"schedule":   {[]string{"--set", "train.schedule.kind=cosine"}, `train.schedule.kind = "step", now it is "cosine"`},
		"network":    {[]string{"--set", "backbone.planes=[4, 4, 8, 16]"}, "backbone.planes = [4, 4, 8, 8], now it is [4, 4, 8, 16]"},
		"preset":     {[]string{"--preset", "bccd"}, "the run has backbone."},
		"mistake":    {[]string{"--set", "train.lrr=1"}, "did you mean train.lr?"},
		"classes":    {[]string{"--train", changed(`"name": "king"`, `"name": "queen"`), "--val", changed(`"name": "king"`, `"name": "queen"`)}, `class 4 of the run is "king", now it is "queen"`},
		"boxes":      {[]string{"--train", changed("151.5", "150.5")}, "the training data differs from that at the start of the run"},
		"validation": {[]string{"--val", changed("151.5", "150.5")}, "the validation data differs from that at the start of the run"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := scalenet(with(c.flags...)...)
			requireError(t, status, stderr, c.want)
			require.Equal(t, before, contents(t, out))
		})
	}
	// What is not given is the run's own; what is given may be repeated.
	for _, flags := range [][]string{nil, {"--set", "train.epochs=1"}, {"--config", config, "--set", "train.epochs=1"}, {"--preset", "default", "--config", config, "--set", "train.epochs=1"}} {
		status, _, stderr := scalenet(with(flags...)...)
		require.Zero(t, status, stderr)
	}

	path := filepath.Join(out, "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(before["config.yaml"], "channels: 16", "channels: 32", 1)), 0o644))
	status, _, stderr = scalenet(with()...)
	requireError(t, status, stderr, "config.yaml: was changed: the run has rpn.channels = 16, now it is 32", "delete the file")
	for _, name := range []string{"config.yaml", "best.safetensors", "last.safetensors"} {
		require.NoError(t, os.Remove(filepath.Join(out, name)))
	}
	status, _, stderr = scalenet(with()...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, "best.safetensors: is gone; the last model takes its place")
	after := contents(t, out)
	require.Equal(t, before["config.yaml"], after["config.yaml"])
	require.Equal(t, before["last.safetensors"], after["best.safetensors"])

	// A run without its state is neither continued nor written over.
	require.NoError(t, os.Remove(filepath.Join(out, "state.safetensors")))
	kept := contents(t, out)
	for _, more := range [][]string{args, with()} {
		status, _, stderr = scalenet(more...)
		requireError(t, status, stderr, "state.safetensors: is missing, but last.safetensors exists")
		require.Equal(t, kept, contents(t, out))
	}
}

func TestRunFolderIsLocked(t *testing.T) {
	data := colourImages(t)
	_, detector := tinyRun(t)
	for name, args := range map[string][]string{
		"train":          detector,
		"classify train": append([]string{"classify", "train", "--data", data, "--out", filepath.Join(t.TempDir(), "run")}, tinyBackbone...),
		"classify search": append([]string{"classify", "search", "--data", data, "--out", filepath.Join(t.TempDir(), "run"),
			"--networks", "even", "--budget", "block"}, tinyBackbone...),
	} {
		t.Run(name, func(t *testing.T) {
			out := args[len(args)-3]
			for i, a := range args {
				if a == "--out" {
					out = args[i+1]
				}
			}
			lock, err := train.LockFolder(out)
			require.NoError(t, err)
			status, _, stderr := scalenet(args...)
			requireError(t, status, stderr, out+": process ", " writes to this folder")
			require.NoFileExists(t, filepath.Join(out, "config.yaml"))
			require.NoError(t, lock.Close())
		})
	}
}

// A run whose folder is moved away ends, and makes no new one.
func TestRunFolderIsMoved(t *testing.T) {
	_, args := tinyRun(t)
	out := args[len(args)-3]
	c := exec.Command(os.Args[0], append(args, "--epochs", "10000", "--set", "train.eval_epochs=0", "--set", "train.save_steps=1", "--set", "train.log_steps=1")...)
	c.Env = append(os.Environ(), asProgram+"=1")
	var said bytes.Buffer
	c.Stderr = &said
	require.NoError(t, c.Start())
	require.Eventually(t, func() bool { return exists(filepath.Join(out, train.StateFile)) }, patience, time.Millisecond)
	require.NoError(t, os.Rename(out, out+"-moved"))
	require.Error(t, c.Wait())
	require.Equal(t, 1, c.ProcessState.ExitCode(), said.String())
	require.Contains(t, said.String(), "scalenet: "+out+": the folder of the run was moved or replaced")
	require.NoDirExists(t, out)
}

// Frozen parameters must come from somewhere.
func TestFrozenNeedsTrained(t *testing.T) {
	_, args := tinyRun(t)
	with := func(flags ...string) []string { return append(append([]string{}, args...), flags...) }
	dir := t.TempDir()
	model := tinyModel(t, dir)
	for name, c := range map[string]struct{ flags, want []string }{
		"stages":  {[]string{"--set", "frozen.stages=1"}, []string{"frozen.stages = 1: ", "frozen parameters are random (conv1.weight, ...)", "--init FILE", "--set frozen.stages=-1"}},
		"stem":    {[]string{"--set", "frozen.stages=0"}, []string{"frozen.stages = 0: "}},
		"norms":   {[]string{"--set", "frozen.norms=true"}, []string{"frozen.norms = true: ", "(bn1.weight, ...)", "--set frozen.norms=false"}},
		"group":   {[]string{"--set", "train.groups=[{match: 'rpn.*', frozen: true}]"}, []string{"train.groups[0].frozen = true: 6 frozen"}},
		"default": {[]string{"--config", write(t, filepath.Join(dir, "empty.yaml"), "")}, []string{"frozen.stages = 1, frozen.norms = true: "}},
		"paper":   {[]string{"--config", filepath.Join(dir, "empty.yaml"), "--preset", "paper"}, []string{"frozen.stages = 1, frozen.norms = true: "}},
		"a part":  {[]string{"--set", "frozen.stages=1", "--set", "backbone.planes=[4, 4, 8, 16]", "--set", "frozen.norms=true", "--init", model}, []string{"frozen parameters are random (layer4"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := scalenet(with(c.flags...)...)
			requireError(t, status, stderr, c.want...)
			require.NoDirExists(t, args[len(args)-3])
		})
	}
	status, _, stderr := scalenet(with("--set", "frozen.stages=1", "--set", "frozen.norms=true", "--init", model, "--set", "train.epochs=1")...)
	require.Zero(t, status, stderr)
}

func TestWarmUpIsNoLongerThanTheRun(t *testing.T) {
	_, args := tinyRun(t)
	status, _, stderr := scalenet(append(args, "--set", "train.schedule.warmup_steps=7")...)
	requireError(t, status, stderr, "train.schedule.warmup_steps is 7, but the whole run has 6 steps")
	status, _, stderr = scalenet(append(args, "--set", "train.schedule.warmup_steps=6")...)
	require.Zero(t, status, stderr)
}

// A Pascal VOC folder without lists has one part only.
func TestTrainAndValidationApart(t *testing.T) {
	_, args := tinyRun(t)
	voc := filepath.Join(t.TempDir(), "voc")
	status, _, stderr := scalenet("data", "convert", "--to", "voc", "--images", imagesDir, instancesFile, voc)
	require.Zero(t, status, stderr)
	require.NoError(t, os.RemoveAll(filepath.Join(voc, "ImageSets")))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(voc, link))
	base := append(append([]string{}, args[:1]...), args[10:]...)
	for _, val := range []string{voc, voc + "/", link} {
		status, _, stderr := scalenet(append(base, "--train", voc, "--val", val)...)
		requireError(t, status, stderr, "4 of the 4 images of the latter are also in the former")
		require.NoDirExists(t, args[len(args)-3])
	}
	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, os.CopyFS(other, os.DirFS(voc)))
	status, _, stderr = scalenet(append(base, "--train", voc, "--val", other)...)
	requireError(t, status, stderr, "4 of the 4 images of the latter are also in the former")
	status, _, stderr = scalenet(append(base, "--train", voc, "--val", other, "--allow-shared-images", "--epochs", "1")...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, "4 of the 4 validation images are training images", "links to the same files")
}
