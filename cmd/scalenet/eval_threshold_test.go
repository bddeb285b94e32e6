package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
	"scalenet/coco/threshold"
	"scalenet/detector"
)

const exampleImages = "../../examples"

// detectedIn are the detections of the included model on the example images.
func detectedIn(t *testing.T, model, thresholds string) (found []detectedImage) {
	t.Helper()
	status, stdout, stderr := scalenet("detect", "--model", model, "--json", "--threshold", thresholds, exampleImages+"/BloodImage_*.jpg")
	require.Zero(t, status, stderr)
	for line := range strings.Lines(stdout) {
		var image detectedImage
		require.NoError(t, json.Unmarshal([]byte(line), &image))
		found = append(found, image)
	}
	require.Len(t, found, 4)
	return found
}

// cellData is a data set of the example images: what the model sees with the given
// least scores. Without a class it has no objects of it.
func cellData(t *testing.T, dir, model string, least map[string]float32) string {
	ids := map[string]int{"Platelets": 1, "RBC": 2, "WBC": 3}
	var images, annotations []string
	for i, image := range detectedIn(t, model, "0.05") {
		images = append(images, fmt.Sprintf(`{"id": %d, "file_name": %q, "width": %d, "height": %d}`, i+1, filepath.Base(image.File), image.Width, image.Height))
		for _, d := range image.Detections {
			if score, ok := least[d.Label]; ok && d.Score >= score {
				annotations = append(annotations, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "bbox": [%v, %v, %v, %v]}`, len(annotations)+1, i+1, ids[d.Label],
					d.Box[0], d.Box[1], d.Box[2]-d.Box[0], d.Box[3]-d.Box[1]))
			}
		}
	}
	return write(t, filepath.Join(dir, "cells.json"), fmt.Sprintf(`{"images": [%s], "annotations": [%s],
		"categories": [{"id": 1, "name": "Platelets"}, {"id": 2, "name": "RBC"}, {"id": 3, "name": "WBC"}]}`, strings.Join(images, ","), strings.Join(annotations, ",")))
}

// included is a copy of the included model.
func included(t *testing.T, dir string) string {
	data, err := os.ReadFile("../../models/bccd.safetensors")
	require.NoError(t, err)
	return write(t, filepath.Join(dir, "bccd.safetensors"), string(data))
}

// A model is evaluated once: that gives the report and the thresholds, which detect and serve use.
func TestEvalReportAndThresholds(t *testing.T) {
	dir := t.TempDir()
	model := included(t, dir)
	data := cellData(t, dir, model, map[string]float32{"RBC": .6, "WBC": .6})
	before, err := checkpoint.Load(model)
	require.NoError(t, err)
	report, results := filepath.Join(dir, "report"), filepath.Join(dir, "results.json")
	eval := []string{"eval", "--model", model, "--data", data, "--images", exampleImages, "--choose-threshold"}

	status, stdout, stderr := scalenet(append(eval, "f1", "--json", "--report", report, "--results", results)...)
	require.Zero(t, status, stderr)
	require.Contains(t, stderr, model+": stored the thresholds (f1) of 2 of 3 classes; detect and serve use them with --threshold best")
	var printed struct{ Thresholds threshold.Chosen }
	require.NoError(t, json.Unmarshal([]byte(stdout), &printed))
	require.Equal(t, "no objects", printed.Thresholds.Classes[0].Reason)
	for _, c := range printed.Thresholds.Classes[1:] {
		require.GreaterOrEqual(t, c.Point.Threshold.Value, .6)
		require.Equal(t, threshold.Estimate{Value: 1, Low: 1, High: 1}, c.Point.F1, "the truth is what the model sees")
	}
	requireSameReport(t, report, dir, data, results)

	// The file has one more entry in its metadata, and the same tensors.
	after, err := checkpoint.Load(model)
	require.NoError(t, err)
	require.Equal(t, before.Tensors, after.Tensors)
	stored, err := detector.Load(model)
	require.NoError(t, err)
	require.Equal(t, printed.Thresholds, *stored.Thresholds)

	best := detectedIn(t, model, "best")
	requireBest(t, detectedIn(t, model, "0.05"), best, stored.BestScores())
	requireServed(t, model, best)

	// A copy keeps them, another rule replaces them.
	copied := filepath.Join(dir, "copied.safetensors")
	status, _, stderr = scalenet("convert", model, copied)
	require.Zero(t, status, stderr)
	require.Equal(t, best[0].Detections, detectedIn(t, copied, "best")[0].Detections)
	status, stdout, stderr = scalenet(append(eval, "precision=1")...)
	require.Zero(t, status, stderr)
	for _, want := range []string{"score thresholds (precision=1) at IoU 0.5, with 95 % intervals from 1000 resamples", "Platelets: no threshold: no objects", "1 of 3 classes keep the threshold 0.5"} {
		require.Contains(t, stdout, want)
	}
	stored, err = detector.Load(model)
	require.NoError(t, err)
	require.Equal(t, "precision=1", stored.Thresholds.Rule)
}

// requireSameReport compares a report with that of coco eval on the same detections.
func requireSameReport(t *testing.T, report, dir, data, results string) {
	t.Helper()
	other := filepath.Join(dir, "other")
	status, _, stderr := scalenet("coco", "eval", "--gt", data, "--dt", results, "--report", other, "--images", exampleImages)
	require.Zero(t, status, stderr)
	eval, coco := contents(t, report), contents(t, other)
	require.Len(t, eval, 6)
	var a, b map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(eval["report.json"]), &a))
	require.NoError(t, json.Unmarshal([]byte(coco["report.json"]), &b))
	delete(a, "results") // the model there, the results file here
	delete(b, "results")
	require.Equal(t, b, a)
	for name := range eval {
		if filepath.Ext(name) == ".png" {
			require.Equal(t, coco[name], eval[name], name)
		}
	}
	require.Contains(t, eval["report.html"], "Evaluation of bccd.safetensors")
}

// requireBest compares best with what is in all and reaches the scores.
func requireBest(t *testing.T, all, best []detectedImage, scores detector.MinScores) {
	t.Helper()
	for i, image := range all {
		want := []detectedObject{}
		for _, d := range image.Detections {
			if d.Score >= scores[d.ClassID-1] {
				want = append(want, d)
			}
		}
		require.NotEmpty(t, want)
		require.Less(t, len(want), len(image.Detections))
		require.Equal(t, want, best[i].Detections)
	}
}

// requireServed compares the detections of a server with --threshold best.
func requireServed(t *testing.T, model string, best []detectedImage) {
	t.Helper()
	address, end := announced(t, "--model", model, "--threshold", "best")
	defer end()
	for _, image := range best {
		file, err := os.Open(image.File)
		require.NoError(t, err)
		defer file.Close()
		answer, err := http.Post(address+"/detect", "image/jpeg", file)
		require.NoError(t, err)
		defer answer.Body.Close()
		var got struct{ Detections []struct{ Score float32 } }
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&got))
		require.Len(t, got.Detections, len(image.Detections))
		for k, d := range got.Detections {
			assert.Equal(t, image.Detections[k].Score, d.Score)
		}
	}
}

func TestThresholdErrors(t *testing.T) {
	dir := t.TempDir()
	model, image := tinyModel(t, dir), filepath.Join(imagesDir, "IMG_2385.png")
	eval := []string{"eval", "--model", model, "--data", instancesFile, "--images", imagesDir}
	before := contents(t, dir)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown class":      {[]string{"detect", "--model", model, "--threshold", "RCB=0.4", image}, `--threshold RCB=0.4: ` + model + `: no class "RCB"; did you mean "RBC"?; there are RBC, WBC, Platelets, king`},
		"two of a class":     {[]string{"detect", "--model", model, "--threshold", "RBC=0.4,RBC=1", image}, `--threshold RBC=0.4,RBC=1: two thresholds for the class "RBC"`},
		"none stored":        {[]string{"detect", "--model", model, "--threshold", "best", image}, "no thresholds are stored in the model's file; `scalenet eval --model FILE --data PATH --choose-threshold f1` chooses"},
		"none stored, serve": {[]string{"serve", "--listen", "127.0.0.1:0", "--model", model, "--threshold", "king=best"}, "model.safetensors: --threshold king=best: best: no thresholds are stored"},
		"no model has it":    {[]string{"serve", "--listen", "127.0.0.1:0", "--model", model, "--threshold", "queen=0.2"}, `threshold = queen=0.2: no class "queen"`},
		"no rule":            {append(eval, "--choose-threshold", "best"), `--choose-threshold "best": want f1, precision=P or recall=R`},
		"no precision":       {append(eval, "--choose-threshold", "precision=95"), `precision "95": want a number above 0 and at most 1`},
		"another size":       {append(eval, "--choose-threshold", "f1", "--size", "600/1000"), "leave out --size"},
		"tiles":              {append(eval, "--choose-threshold", "f1", "--tile", "64"), "leave out --tile"},
		"no model":           {[]string{"eval", "--model", filepath.Join(dir, "none"), "--data", instancesFile, "--images", imagesDir, "--choose-threshold", "f1"}, "none: no such file"},
		"worst":              {append(eval, "--worst", "3"), "--worst needs --report"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := scalenet(c.args...)
			requireError(t, status, stderr, c.want)
			require.Empty(t, stdout)
			require.Equal(t, before, contents(t, dir))
		})
	}
}

// Thresholds are of their model's parameters: a training that starts from them has none, and a run goes on in whose model they are stored.
func TestTrainTakesNoThresholds(t *testing.T) {
	_, args := tinyRun(t)
	out := args[len(args)-3]
	initial := tinyModel(t, t.TempDir())
	store := func(path string) {
		t.Helper()
		status, _, stderr := scalenet("eval", "--model", path, "--data", instancesFile, "--images", imagesDir, "--choose-threshold", "recall=0.01")
		require.Zero(t, status, stderr)
		m, err := detector.Load(path)
		require.NoError(t, err)
		require.NotNil(t, m.Thresholds)
	}
	store(initial)
	status, _, stderr := scalenet(append(args, "--init", initial)...)
	require.Zero(t, status, stderr)
	for _, name := range []string{"best.safetensors", "last.safetensors", "state.safetensors"} {
		r, err := checkpoint.Open(filepath.Join(out, name))
		require.NoError(t, err)
		require.NotContains(t, r.Metadata(), checkpoint.ThresholdsKey, name)
		require.NoError(t, r.Close())
	}
	store(filepath.Join(out, "best.safetensors"))
	status, _, stderr = scalenet(append(args, "--init", initial, "--resume")...)
	require.Zero(t, status, stderr)
}
