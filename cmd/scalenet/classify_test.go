package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/classify"
)

// colourImages is a folder with train/ and val/ of two classes that a network
// learns in a moment.
func colourImages(t *testing.T) string {
	dir := t.TempDir()
	for part, n := range map[string]int{"train": 8, "val": 4} {
		for k, class := range []string{"red", "blue"} {
			folder := filepath.Join(dir, part, class)
			require.NoError(t, os.MkdirAll(folder, 0o755))
			for i := range n {
				m := image.NewRGBA(image.Rect(0, 0, 40, 36))
				for at := 0; at < len(m.Pix); at += 4 {
					shade := uint8((at/4*7 + i*13) % 50)
					m.Set(at/4%40, at/160, color.RGBA{shade + 200*uint8(1-k), 40, shade + 200*uint8(k), 255})
				}
				var b bytes.Buffer
				require.NoError(t, png.Encode(&b, m))
				require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.png", i)), b.Bytes(), 0o644))
			}
		}
	}
	return dir
}

// tinyBackbone is that of tinyConfig, as a classifier of 32x32.
var tinyBackbone = []string{
	"--preset", "cifar",
	"--set", "backbone={name: scalenet, stem: {channels: 8, kernel: 3}, blocks: [1, 1, 1, 1], planes: [4, 4, 8, 8], scales: [1, 2], structure: [[3, 2, 16], [3, 2, 8], [6, 3, 4], [6, 3, 2]]}",
	"--set", "input.size=64", "--set", "input.test_resize=64", "--set", "batch=4",
	"--set", "train.epochs=3", "--set", "train.schedule.milestones=[]", "--set", "train.lr=0.02", "--threads", "1",
}

// A classifier is trained, measured and used, and a detector starts from it.
func TestClassifyTrainEvalPredict(t *testing.T) {
	data := colourImages(t)
	out := filepath.Join(t.TempDir(), "run")
	args := append([]string{"classify", "train", "--data", data, "--out", out}, tinyBackbone...)
	for precision, want := range map[string]string{
		"half":    "train.precision = half: must be float32, bfloat16 or float16",
		"float16": "train.precision is float16: cpu does not compute in float16",
	} {
		status, _, stderr := scalenet(append(args, "--set", "train.precision="+precision)...)
		requireError(t, status, stderr, want)
		require.NoDirExists(t, out, "the folder is free for another try")
	}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "16 images, 2 classes for train")
	require.Contains(t, stderr, "8 images, 2 classes for test")
	model := filepath.Join(out, "best.safetensors")
	for _, name := range []string{"best.safetensors", "last.safetensors", "state.safetensors", "config.yaml", "train.csv", "eval.csv", "log.jsonl", "loss.png", "metrics.png"} {
		require.FileExists(t, filepath.Join(out, name))
	}
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "config.yaml: a run already exists")
	status, _, stderr = scalenet(append(args, "--resume")...)
	require.Zero(t, status, stderr)

	status, stdout, stderr = scalenet("classify", "eval", "--model", model, "--data", data, "--json", "--batch", "3")
	require.Zero(t, status, stderr)
	var metrics classify.Metrics
	require.NoError(t, json.Unmarshal([]byte(stdout), &metrics))
	require.Equal(t, 8, metrics.Images)
	require.Equal(t, 1.0, metrics.Top5)
	status, stdout, stderr = scalenet("classify", "eval", "--model", model, "--data", data)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, fmt.Sprintf("top-1 accuracy  %.4f", metrics.Top1))

	status, stdout, stderr = scalenet("classify", "predict", "--model", model, "--top", "9", "--json", filepath.Join(data, "val"))
	require.Zero(t, status, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 8)
	var line classifiedImage
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &line))
	require.Len(t, line.Predictions, 2)

	_, detectorArgs := tinyRun(t)
	status, _, stderr = scalenet(append(detectorArgs, "--init", model)...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, model+": ")
	require.Contains(t, stderr, "matched")
	status, _, stderr = scalenet("detect", "--model", model, imagesDir)
	requireError(t, status, stderr, "is it a classifier's?")
}

func TestClassifyBadInput(t *testing.T) {
	data := colourImages(t)
	bad := filepath.Join(data, "train", "red", "3.png")
	require.NoError(t, os.WriteFile(bad, []byte("no image"), 0o644))
	out := filepath.Join(t.TempDir(), "run")
	train := func(more ...string) []string {
		return append(append([]string{"classify", "train", "--data", data, "--out", out}, tinyBackbone...), more...)
	}
	status, _, stderr := scalenet(train()...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, bad)
	require.NoError(t, os.RemoveAll(out))
	status, _, stderr = scalenet(train("--skip-bad")...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, "skipped: "+bad)
	require.Contains(t, stderr, "skipped 1 image that could not be read")

	model := filepath.Join(out, "best.safetensors")
	one := filepath.Join(data, "val", "red")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no data", []string{"classify", "train", "--data", "nowhere", "--out", out}, "nowhere"},
		{"no classes", []string{"classify", "train", "--data", one, "--out", out}, "no class folders"},
		{"no validation data", []string{"classify", "train", "--data", filepath.Join(data, "val"), "--out", out}, "give validation data with --val"},
		{"preset", train("--preset", "mnist"), `preset "mnist"`},
		{"key", train("--set", "train.speed=1"), "speed"},
		{"value", train("--set", "label_smoothing=2"), "label_smoothing = 2"},
		{"init", train("--init", "nothing.safetensors"), "nothing.safetensors"},
		{"a detector's file", []string{"classify", "eval", "--model", "../../models/bccd.safetensors", "--data", data}, "no classifier's configuration"},
		{"other classes", []string{"classify", "eval", "--model", model, "--data", "testdata"}, "testdata"},
		{"batch", []string{"classify", "eval", "--model", model, "--data", data, "--batch", "0"}, "--batch 0"},
		{"top", []string{"classify", "predict", "--model", model, "--top", "0", one}, "--top 0"},
		{"corrupt", []string{"classify", "predict", "--model", model, bad}, bad},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := scalenet(c.args...)
			require.Empty(t, stdout)
			require.Equal(t, 1, status)
			require.Contains(t, stderr, c.want)
		})
	}
}
