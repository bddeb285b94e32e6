package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/internal/config"
)

// imagesDir is the detector's test data set.
const (
	imagesDir     = "../../detector/testdata/images"
	instancesFile = imagesDir + "/instances.json"
)

// tinyConfig is a detector that is trained in a moment.
const tinyConfig = `
backbone: {name: scalenet, stem: {channels: 8, kernel: 3}, blocks: [1, 1, 1, 1], planes: [4, 4, 8, 8], scales: [1, 2],
  structure: [[3, 2, 16], [3, 2, 8], [6, 3, 4], [6, 3, 2]]}
rpn: {channels: 16, anchors: {sizes: [16, 32]}, proposals: {train: {after_nms: 40}, test: {after_nms: 40}}}
roi: {align: {size: 4}, targets: {samples: 16}}
frozen: {stages: -1, norms: false}
input: {shorter: [64], longest: 128, test_shorter: 64, test_longest: 128}
batch: 2
train: {epochs: 2, lr: 0.01, schedule: {warmup_steps: 0}}
`

// tinyPyramid is tinyConfig's with a pyramid.
const tinyPyramid = `
backbone: {name: scalenet, stem: {channels: 8, kernel: 3}, blocks: [1, 1, 1, 1], planes: [4, 4, 8, 8], scales: [1, 2],
  structure: [[3, 2, 16], [3, 2, 8], [6, 3, 4], [6, 3, 2]]}
neck: {stages: [1, 2, 3, 4], channels: 16, extra_level: true}
rpn: {channels: 16, anchors: {stride: 4, sizes: [8, 16, 32, 48, 64], size_per_level: true}, proposals: {train: {after_nms: 40}, test: {after_nms: 40}}}
roi: {align: {size: 4, canonical_size: 32, canonical_level: 4}, targets: {samples: 16}, box_head: {linear: 2, channels: 64}}
frozen: {stages: -1, norms: false}
input: {shorter: [64], longest: 128, test_shorter: 64, test_longest: 128}
train: {lr: 0.01, schedule: {warmup_steps: 0}}
`

// tinyRun is a folder with a configuration and the command line of a training.
func tinyRun(t *testing.T) (config string, args []string) {
	dir := t.TempDir()
	config = write(t, filepath.Join(dir, "tiny.yaml"), tinyConfig)
	return config, []string{"train", "--train", instancesFile, "--train-images", imagesDir, "--val", instancesFile, "--val-images", imagesDir,
		"--allow-shared-images", "--preset", "default", "--config", config, "--out", filepath.Join(dir, "run"), "--threads", "1"}
}

// replaced returns args with more, which replace each --set of the same key.
func replaced(args []string, more ...string) (list []string) {
	keys := map[string]bool{}
	for i, arg := range more {
		if i > 0 && more[i-1] == "--set" {
			key, _, _ := strings.Cut(arg, "=")
			keys[key] = true
		}
	}
	for i := 0; i < len(args); i++ {
		if args[i] == "--set" {
			if key, _, _ := strings.Cut(args[i+1], "="); keys[key] {
				i++
				continue
			}
		}
		list = append(list, args[i])
	}
	return append(list, more...)
}

func write(t *testing.T, path, text string) string {
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// A model is trained, measured and used.
func TestTrainEvalDetect(t *testing.T) {
	_, args := tinyRun(t)
	out := args[len(args)-3]
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Empty(t, stdout, "results are files; the rest is progress")
	require.Contains(t, stderr, "4 images, 22 boxes, 4 classes")
	model := filepath.Join(out, "best.safetensors")
	for _, name := range []string{"best.safetensors", "last.safetensors", "state.safetensors", "config.yaml", "train.csv", "eval.csv", "log.jsonl", "loss.png", "metrics.png"} {
		require.FileExists(t, filepath.Join(out, name))
	}

	// Once more into the same folder: nothing is written over.
	before := contents(t, out)
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "config.yaml: a run already exists; continue it with --resume or choose another --out")
	require.Equal(t, before, contents(t, out))
	// A finished run resumed is a finished run.
	status, _, stderr = scalenet(append(args, "--resume")...)
	require.Zero(t, status, stderr)

	results := filepath.Join(t.TempDir(), "results.json")
	status, stdout, stderr = scalenet("eval", "--model", model, "--data", instancesFile, "--images", imagesDir, "--json", "--results", results)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, "images at 64/128, 40 proposals")
	var metrics evalMetrics
	require.NoError(t, json.Unmarshal([]byte(stdout), &metrics))
	require.Equal(t, 4, metrics.Images)
	require.Len(t, metrics.PerClass, 4)
	require.Equal(t, 4, metrics.Timing.Images)
	require.Greater(t, metrics.Timing.Stages["inference"].Mean, 0.0)
	require.NoFileExists(t, results+".partial")
	requireSameFigures(t, stdout, instancesFile, results)
	// What a stopped evaluation leaves is not written over, and what is complete is not resumed.
	again := []string{"eval", "--model", model, "--data", instancesFile, "--images", imagesDir, "--results", results}
	status, _, stderr = scalenet(append(again, "--resume")...)
	requireError(t, status, stderr, "results.json: the evaluation is complete")
	write(t, results+".partial", "")
	status, _, stderr = scalenet(again...)
	requireError(t, status, stderr, "results.json.partial: belongs to a stopped evaluation")
	status, stdout, stderr = scalenet(append(again, "--resume")...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "detect")
	// Nor is a file of something else gone on with.
	mine := write(t, filepath.Join(t.TempDir(), "mine.partial"), "no line end")
	again[len(again)-1] = strings.TrimSuffix(mine, ".partial")
	status, _, stderr = scalenet(append(again, "--resume")...)
	requireError(t, status, stderr, "mine.partial: line 1: no partial results of an evaluation")
	require.Equal(t, "no line end", contents(t, filepath.Dir(mine))["mine.partial"])
	status, _, stderr = scalenet("eval", "--model", model, "--data", instancesFile, "--images", imagesDir, "--resume")
	requireError(t, status, stderr, "--resume needs the --results")

	drawn := t.TempDir()
	status, stdout, stderr = scalenet("detect", "--model", model, "--threshold", "0", "--json", "--out", drawn, imagesDir)
	require.Zero(t, status, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 4)
	for _, line := range lines {
		var image detectedImage
		require.NoError(t, json.Unmarshal([]byte(line), &image))
		require.FileExists(t, filepath.Join(drawn, strings.TrimSuffix(filepath.Base(image.File), ".png")+".jpg"))
		for _, x := range image.Detections {
			require.Contains(t, []string{"RBC", "WBC", "Platelets", "king"}, x.Label)
			require.GreaterOrEqual(t, x.Box[0], float32(0))
			require.LessOrEqual(t, x.Box[2], float32(image.Width))
		}
	}
}

// requireSameFigures compares what eval printed with what coco eval says of the
// results that it wrote, to the bit: JSON has numbers in full.
func requireSameFigures(t *testing.T, printed, gt, results string) {
	t.Helper()
	status, again, stderr := scalenet("coco", "eval", "--gt", gt, "--dt", results, "--json")
	require.Zero(t, status, stderr)
	var eval, coco map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(printed), &eval))
	require.NoError(t, json.Unmarshal([]byte(again), &coco))
	delete(eval, "timing")
	require.Equal(t, coco, eval)
}

// contents are the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		files[e.Name()] = string(data)
	}
	return files
}

// requireError wants status 1 and an error as the last line, which is the only
// one of its kind.
func requireError(t *testing.T, status int, stderr string, want ...string) {
	require.Equal(t, 1, status, stderr)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	for _, w := range want {
		require.Contains(t, lines[len(lines)-1], w)
	}
	require.Equal(t, 1, strings.Count(stderr, "scalenet:"), stderr)
}

// tinyModel is an untrained model in a file.
func tinyModel(t *testing.T, dir string) string {
	c, err := detector.Presets().Get("default")
	require.NoError(t, err)
	require.NoError(t, config.Merge(&c, []byte(tinyConfig), "tiny"))
	m, err := detector.New(c, []string{"RBC", "WBC", "Platelets", "king"}, 1)
	require.NoError(t, err)
	path := filepath.Join(dir, "model.safetensors")
	require.NoError(t, m.Save(path))
	return path
}

func TestDetectorErrors(t *testing.T) {
	dir := t.TempDir()
	model := tinyModel(t, dir)
	data, err := os.ReadFile(model)
	require.NoError(t, err)
	truncated := write(t, filepath.Join(dir, "truncated.safetensors"), string(data[:len(data)/2]))
	other := filepath.Join(dir, "other.safetensors") // another structure under the same configuration
	write(t, other, strings.Replace(string(data), `"conv1.weight"`, `"conv9.weight"`, 1))
	broken := write(t, filepath.Join(dir, "broken.json"), `{"images": [`)
	instances, err := os.ReadFile(instancesFile)
	require.NoError(t, err)
	nan := write(t, filepath.Join(dir, "nan.json"), strings.Replace(string(instances), "151.5", "NaN", 1))
	foreign := write(t, filepath.Join(dir, "foreign.json"), strings.Replace(string(instances), `"name": "king"`, `"name": "queen"`, 1))
	missing := write(t, filepath.Join(dir, "missing.json"), strings.Replace(string(instances), "IMG_2385.png", "none.png", 1))
	corrupt := write(t, filepath.Join(dir, "corrupt.png"), "no image")
	_, train := tinyRun(t)
	with := func(flags ...string) []string { return append(append([]string{}, train...), flags...) }

	for name, v := range map[string]struct {
		args []string
		want []string
	}{
		"no model":              {[]string{"detect", "--model", filepath.Join(dir, "none"), corrupt}, []string{"none: no such file"}},
		"no image":              {[]string{"detect", "--model", model, filepath.Join(dir, "none.jpg")}, []string{"none.jpg: no such file"}},
		"corrupt image":         {[]string{"detect", "--model", model, corrupt}, []string{"corrupt.png"}},
		"truncated model":       {[]string{"detect", "--model", truncated, corrupt}, []string{"truncated.safetensors", "bytes"}},
		"another structure":     {[]string{"detect", "--model", other, corrupt}, []string{"other.safetensors", "conv1.weight"}},
		"not a model":           {[]string{"detect", "--model", corrupt, corrupt}, []string{"corrupt.png"}},
		"threshold":             {[]string{"detect", "--model", model, "--threshold", "NaN", corrupt}, []string{"--threshold NaN"}},
		"size":                  {[]string{"detect", "--model", model, "--size", "600", corrupt}, []string{`--size "600"`}},
		"device":                {[]string{"detect", "--model", model, "--device", "tpu", corrupt}, []string{`--device "tpu"`}},
		"eval, broken JSON":     {[]string{"eval", "--model", model, "--data", broken, "--images", imagesDir}, []string{"broken.json"}},
		"eval, a box with NaN":  {[]string{"eval", "--model", model, "--data", nan, "--images", imagesDir}, []string{"nan.json"}},
		"eval, unknown class":   {[]string{"eval", "--model", model, "--data", foreign, "--images", imagesDir}, []string{"foreign.json", "annotations[6].category_id", `"queen"`}},
		"eval, missing image":   {[]string{"eval", "--model", model, "--data", missing, "--images", imagesDir}, []string{"missing.json", "images[1].file_name", "none.png"}},
		"train, broken JSON":    {with("--train", broken), []string{"broken.json"}},
		"train, a box with NaN": {with("--train", nan), []string{"nan.json"}},
		"train, unknown class":  {with("--val", foreign), []string{"foreign.json", `"queen"`}},
		"train, missing image":  {with("--train", missing), []string{"none.png"}},
		"train, unknown key":    {with("--set", "train.lrr=1"), []string{"--set train.lrr=1", "lrr"}},
		"train, bad value":      {with("--set", "train.lr=-1"), []string{"train.lr", "-1"}},
		"train, bad file":       {with("--config", broken), []string{"broken.json"}},
		"train, preset":         {with("--preset", "none"), []string{`preset "none"`}},
		"train, no data":        {with("--train", filepath.Join(dir, "none.json")), []string{"none.json"}},
		"train, init":           {with("--init", truncated), []string{"truncated.safetensors"}},
		"train, nothing there":  {with("--resume"), []string{"state.safetensors: does not exist, no run to resume"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := scalenet(v.args...)
			requireError(t, status, stderr, v.want...)
			require.Empty(t, stdout)
			require.NoFileExists(t, filepath.Join(train[len(train)-3], "config.yaml"), "nothing is written")
		})
	}
}
