package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/detector"
	"scalenet/docs"
	"scalenet/internal/config"
)

// tinySettings keep a derived training small.
var tinySettings = []string{"--set", "backbone={name: scalenet, stem: {channels: 4, kernel: 3}, blocks: [1, 1, 1, 1], planes: [4, 4, 8, 8], scales: [1, 2], structure: [[3, 1, 32], [3, 1, 16], [5, 3, 8], [5, 3, 4]]}",
	"--set", "neck={stages: [2, 3, 4], channels: 8, norm: true, extra_level: false}", "--set", "rpn.anchors={stride: 8, sizes: [32, 64, 128], size_per_level: true, ratios: [1]}",
	"--set", "rpn.channels=8", "--set", "rpn.proposals={train: {before_nms: 60, after_nms: 20}, test: {before_nms: 60, after_nms: 20}}",
	"--set", "roi.box_head={convs: 0, linear: 1, channels: 8}", "--set", "roi.align={size: 7, sampling_ratio: 1, canonical_size: 128, canonical_level: 4}", "--set", "roi.targets.samples=8", "--set", "frozen={stages: -1, norms: false}",
	"--set", "input.shorter=[64]", "--set", "input.longest=96", "--set", "input.test_shorter=64", "--set", "input.test_longest=96", "--set", "batch=2", "--threads", "1"}

// A folder is enough: it is divided, the settings are derived, and --resume with --out alone goes on.
func TestTrainOnFolder(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	base := append([]string{"train", "--data", instancesFile, "--images", imagesDir, "--out", out}, tinySettings...)
	status, stdout, stderr := scalenet(append(base, "--print-config")...)
	require.Zero(t, status, stderr)
	require.NoDirExists(t, out)
	printed, err := detector.Parse([]byte(stdout), "stdout")
	require.NoError(t, err)
	require.Equal(t, 200, printed.Train.Epochs)

	status, stdout, stderr = scalenet(append(base, "--epochs", "2")...)
	require.Zero(t, status, stderr)
	require.Empty(t, stdout)
	for _, want := range []string{"images are split off by class (seed 1)", "derived, starting from preset fpn_small with network scalenet:", "train.schedule.kind", "at most a tenth of", "best: AP ", "scalenet eval   --model " + filepath.Join(out, "best.safetensors") + " --data " + filepath.Join(out, "val.json")} {
		require.Contains(t, stderr, want)
	}
	require.NotContains(t, stderr, "train.epochs ", "a given key has no reason")
	written, err := os.ReadFile(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	config, err := detector.Parse(written, "config.yaml")
	require.NoError(t, err)
	require.Equal(t, 2, config.Train.Epochs)
	require.Equal(t, "cosine", config.Train.Schedule.Kind)
	for _, name := range []string{"train.json", "val.json", "sources.yaml", "last.safetensors"} {
		require.FileExists(t, filepath.Join(out, name))
	}

	status, _, stderr = scalenet("train", "--resume", "--out", out, "--epochs", "3", "--threads", "1", "--set", "train.log_steps=1")
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, "sources.yaml: training on ")
	require.Contains(t, stderr, "epoch 3 evaluated")
	written, err = os.ReadFile(filepath.Join(out, "config.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(written), "epochs: 3\n")

	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"another rate":    {[]string{"--lr", "0.5"}, "train.lr = "},
		"fewer epochs":    {[]string{"--epochs", "1"}, "train.epochs = 1: the run is in epoch 3"},
		"another network": {[]string{"--set", "rpn.channels=16"}, "begin a new run (another --out) with --init"},
	} {
		status, _, stderr = scalenet(append([]string{"train", "--resume", "--out", out}, c.flags...)...)
		require.Equal(t, 1, status, name)
		require.Contains(t, stderr, c.want, name)
	}
}

// A derived configuration keeps the statistics of a trained detector. Those of a classifier's file leave out the pyramid, whose norms must be trained.
func TestDerivedNorms(t *testing.T) {
	models := filepath.Join("..", "..", "models")
	for name, c := range map[string]struct {
		init   string
		frozen bool
	}{
		"a detector":  {filepath.Join(models, "everyday.safetensors"), true},
		"a network":   {filepath.Join(models, "backbone.safetensors"), false},
		"from random": {"none", false},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := scalenet("train", "--data", instancesFile, "--images", imagesDir, "--out", filepath.Join(t.TempDir(), "run"), "--init", c.init, "--print-config")
			require.Zero(t, status, stderr)
			printed, err := detector.Parse([]byte(stdout), "stdout")
			require.NoError(t, err)
			require.Equal(t, detector.Frozen{Stages: -1, Norms: c.frozen}, printed.Frozen)
			require.InDelta(t, 0.02, printed.Train.LR*4/float64(printed.Batch), 1e-9)
		})
	}
}

// A corrupt image is an error that names it, or is left out and counted; --resume leaves it out, too.
func TestTrainSkipsBadImages(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "images"), os.DirFS(imagesDir)))
	require.NoError(t, os.Remove(filepath.Join(dir, "images", "instances.json")))
	data, err := os.ReadFile(instancesFile)
	require.NoError(t, err)
	file := write(t, filepath.Join(dir, "data.json"), string(data))
	d, err := coco.Open(file, coco.Options{Images: filepath.Join(dir, "images")})
	require.NoError(t, err)
	require.NoError(t, os.Truncate(d.ImagePath(0), 100))
	out := filepath.Join(dir, "run")
	base := append([]string{"train", "--train", file, "--train-images", filepath.Join(dir, "images"), "--val", instancesFile, "--val-images", imagesDir, "--allow-shared-images", "--epochs", "1", "--out", out}, tinySettings...)
	status, _, stderr := scalenet(base...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, d.ImagePath(0))
	status, _, stderr = scalenet(append(base, "--skip-bad")...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, "left out: "+file+": images[0]: ")
	require.Contains(t, stderr, file+": 1 of its 4 images cannot be read and are left out")
	status, _, stderr = scalenet("train", "--resume", "--out", out, "--epochs", "2")
	require.Zero(t, status, stderr)
}

func TestTrainFlagErrors(t *testing.T) {
	own := t.TempDir()
	write(t, filepath.Join(own, "train.json"), "{}")
	base := append([]string{"train", "--images", imagesDir, "--out", filepath.Join(t.TempDir(), "run")}, tinySettings...)
	for name, c := range map[string]struct {
		flags []string
		want  string
	}{
		"no data":           {nil, "give the data: --data PATH, or --train PATH and --val PATH"},
		"half of the data":  {[]string{"--train", instancesFile}, "give the data: "},
		"both":              {[]string{"--data", instancesFile, "--val", instancesFile}, "--data names all data: give it without --train and --val"},
		"twice":             {[]string{"--data", instancesFile, "--lr", "0.1", "--set", "train.lr=0.2"}, "--set train.lr=0.2 and --lr 0.1: give train.lr once"},
		"not a number":      {[]string{"--data", instancesFile, "--lr", "fast"}, `--lr fast: train.lr is "fast": want a number`},
		"not whole":         {[]string{"--data", instancesFile, "--epochs", "1.5"}, "--epochs 1.5: train.epochs is 1.5: want a whole number"},
		"no time":           {[]string{"--data", instancesFile, "--budget", "-1m"}, "--budget -1m0s: want a positive time"},
		"too little time":   {[]string{"--data", instancesFile, "--budget", "10ms"}, "--budget 10ms is too short: "},
		"epochs and budget": {[]string{"--data", instancesFile, "--budget", "1h", "--epochs", "3"}, "train.epochs and --budget are given"},
		"own lists":         {[]string{"--data", instancesFile, "--out", own}, "train.json: already exists and is not a file of a training run"},
		"nothing to resume": {[]string{"--resume"}, "no run to resume"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := scalenet(replaced(base, c.flags...)...)
			requireError(t, status, stderr, c.want)
		})
	}
}

// Every key of a configuration is documented, and no other.
func TestKeys(t *testing.T) {
	status, stdout, stderr := scalenet("train", "--keys")
	require.Zero(t, status, stderr)
	documented := map[string]bool{}
	for line := range strings.Lines(stdout) {
		documented[strings.Fields(line)[0]] = true
	}
	preset, err := detector.Presets().Get("fpn")
	require.NoError(t, err)
	all := config.Given([]byte(preset.YAML()))
	for _, key := range all {
		for key != "" && !documented[key] {
			key = key[:max(0, strings.LastIndexByte(key, '.'))]
		}
		require.NotEmpty(t, key, "docs/configuration.md has no row for a key of %v", all)
	}
	require.NotEmpty(t, documentedKeys(docs.Configuration))
}
