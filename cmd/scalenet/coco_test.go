package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// runCoco runs `coco` with the given arguments on a problem of one found object and one detection of an unknown category.
func runCoco(t *testing.T, dt string, args ...string) (stdout, stderr string, err error) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	gtPath := write("gt.json", `{"images": [{"id": 1}], "categories": [{"id": 3, "name": "a"}, {"id": 4, "name": "b"}],
		"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 20]}]}`)
	c := newCocoCommand()
	var out, errs bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(append([]string{"eval", "--gt", gtPath, "--dt", write("dt.json", dt)}, args...))
	err = c.Execute()
	return out.String(), errs.String(), err
}

const cocoDetections = `[{"image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 20], "score": 0.5}, {"image_id": 1, "category_id": 9, "bbox": [0, 0, 1, 1], "score": 1}]`

func TestCocoEval(t *testing.T) {
	stdout, stderr, err := runCoco(t, cocoDetections)
	require.NoError(t, err)
	require.Contains(t, stdout, " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 1.000\n")
	require.Contains(t, stdout, " Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = -1.000\n")
	require.Contains(t, stderr, "dt.json: 1 detections of categories")

	stdout, _, err = runCoco(t, cocoDetections, "--json")
	require.NoError(t, err)
	var got struct {
		Stats    []float64
		PerClass map[string]map[string]float64 `json:"per_class"`
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Len(t, got.Stats, 12)
	require.InDelta(t, 1, got.Stats[0], 1e-9)
	require.Equal(t, -1.0, got.Stats[11])
	require.InDelta(t, 1, got.PerClass["a"]["ap50"], 1e-9)
	require.Equal(t, -1.0, got.PerClass["b"]["ap"])
}

func TestCocoEvalErrors(t *testing.T) {
	stdout, _, err := runCoco(t, `[{"image_id": 2, "category_id": 3, "bbox": [0, 0, 10, 20], "score": 0.5}]`)
	require.ErrorContains(t, err, "dt.json: [0].image_id: the ground truth has no image with the id 2")
	require.Empty(t, stdout)
	_, _, err = runCoco(t, `[{"image_id": 1`)
	require.ErrorContains(t, err, "dt.json: [0]: byte 15")
	_, _, err = runCoco(t, cocoDetections, "--gt", filepath.Join(t.TempDir(), "none.json"))
	require.ErrorContains(t, err, "none.json")
}
