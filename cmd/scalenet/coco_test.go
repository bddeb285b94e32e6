package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/internal/analysis"
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
	require.Contains(t, stderr, "dt.json: dropped 1 detection of categories")

	stdout, _, err = runCoco(t, cocoDetections, "--json")
	require.NoError(t, err)
	var got struct {
		Stats    []float64
		PerClass map[string]struct {
			AP, AP50 float64
			Stats    []float64
		} `json:"per_class"`
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Len(t, got.Stats, 12)
	require.InDelta(t, 1, got.Stats[0], 1e-9)
	require.Equal(t, -1.0, got.Stats[11])
	require.InDelta(t, 1, got.PerClass["a"].AP50, 1e-9)
	require.Equal(t, -1.0, got.PerClass["b"].AP)
}

// What is left out of the ground truth is said, and no class is lost whatever its name.
func TestCocoEvalClasses(t *testing.T) {
	const detections = `[{"image_id": 1, "category_id": 9, "bbox": [0, 0, 10, 20], "score": 0.5}]`
	for name, c := range map[string]struct {
		categories string
		classes    []string
		said       []string
	}{
		"one name":      {`{"id": 1, "name": "x"}, {"id": 9, "name": "x"}`, []string{"x"}, []string{"gt.json: 1: category left out, another has its name and it has no annotations\n", "dt.json: dropped 1 detection of categories that are no classes of "}},
		"id as name":    {`{"id": 1, "name": "9"}, {"id": 9, "name": ""}`, []string{"9", "id 9"}, nil},
		"ids as names":  {`{"id": 9}, {"id": 1, "name": "9"}, {"id": 2, "name": "id 9"}`, []string{"9", "id 9", "id id 9"}, nil},
		"without names": {`{"id": 9}, {"id": 1}`, []string{"1", "9"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			gt := write(t, filepath.Join(t.TempDir(), "gt.json"), `{"images": [{"id": 1}], "categories": [`+c.categories+`],
				"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 20]}]}`)
			stdout, stderr, err := runCoco(t, detections, "--gt", gt, "--json")
			require.NoError(t, err)
			var got cocoMetrics
			require.NoError(t, json.Unmarshal([]byte(stdout), &got))
			require.ElementsMatch(t, c.classes, slices.Collect(maps.Keys(got.PerClass)))
			for _, said := range c.said {
				require.Contains(t, stderr, said)
			}
			require.Equal(t, len(c.said), strings.Count(stderr, "\n"))
			table, _, err := runCoco(t, detections, "--gt", gt)
			require.NoError(t, err)
			for _, class := range c.classes {
				require.Regexp(t, `(?m)^ *`+class+` +\d`, table)
			}
		})
	}
}

// TestCocoEvalMinimum has an exit status of its own for a detector that is too bad.
func TestCocoEvalMinimum(t *testing.T) {
	_, _, err := runCoco(t, cocoDetections, "--min-ap", "0.99")
	require.NoError(t, err)
	stdout, _, err := runCoco(t, `[]`, "--min-ap", "0.3")
	require.EqualError(t, err, "AP 0.0000 is below --min-ap 0.3")
	require.Equal(t, 3, exitStatus(err))
	require.Contains(t, stdout, "Average Precision", "the metrics are printed all the same")
}

// TestCocoEvalQuirks has an object to ignore.
func TestCocoEvalQuirks(t *testing.T) {
	dir := t.TempDir()
	gt := filepath.Join(dir, "gt.json")
	require.NoError(t, os.WriteFile(gt, []byte(`{"images": [{"id": 1}, {"id": 1}], "categories": [{"id": 3, "name": "a"}, {"id": 4, "name": "a"}],
		"annotations": [{"id": 0, "image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 20], "area": 200, "iscrowd": 0, "ignore": 1}]}`), 0o644))
	_, _, err := runCoco(t, cocoDetections, "--gt", gt)
	require.ErrorContains(t, err, "gt.json: images[1].id: 1 is the id of images[0] already")
	stdout, stderr, err := runCoco(t, cocoDetections, "--gt", gt, "--reference-quirks", "--json")
	require.NoError(t, err)
	require.NotContains(t, stderr, "ignore")
	require.Contains(t, stdout, `"3":{"ap":0,`, "the name is that of both")
	require.Contains(t, stdout, `"4":{"ap":-1,`)
}

func TestCocoReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	_, stderr, err := runCoco(t, cocoDetections, "--report", dir)
	require.NoError(t, err)
	require.Contains(t, stderr, "report: "+filepath.Join(dir, "report.html"))
	for _, name := range []string{"report.html", "report.json", "errors.png"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	_, _, err = runCoco(t, cocoDetections, "--report", dir)
	require.ErrorContains(t, err, "report.html: already exists")
	_, _, err = runCoco(t, cocoDetections, "--report", dir, "--images", "nowhere")
	require.ErrorContains(t, err, "nowhere")
	_, _, err = runCoco(t, cocoDetections, "--images", dir)
	require.ErrorContains(t, err, "--images needs --report")
}

func TestCocoCompare(t *testing.T) {
	dir := t.TempDir()
	paths := map[string]string{}
	for name, text := range map[string]string{"gt": `{"images": [{"id": 1, "file_name": "x.jpg"}], "categories": [{"id": 3, "name": "a"}],
		"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 20]}]}`, "first": `[]`, "second": cocoDetections} {
		paths[name] = filepath.Join(dir, name+".json")
		require.NoError(t, os.WriteFile(paths[name], []byte(text), 0o644))
	}
	var out, errs bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"coco", "compare", "--gt", paths["gt"], paths["first"], paths["second"], "--resamples", "50"}, &out, &errs), errs.String())
	require.Regexp(t, `AP +0\.000 +1\.000 +\+1\.000 +\+1\.000\.\.\+1\.000`, out.String())
	require.Contains(t, out.String(), "1 image with fewer mistakes, 0 with more")
	require.Contains(t, out.String(), "x.jpg")
	out.Reset()
	require.Zero(t, run(t.Context(), []string{"coco", "compare", "--json", "--gt", paths["gt"], paths["first"], paths["second"]}, &out, &errs))
	var got analysis.Comparison
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Equal(t, []int{0, 1}, []int{got.First.Unlisted, got.Second.Unlisted})
	require.Equal(t, 2, strings.Count(errs.String(), paths["second"]+": dropped 1 detection of categories that are no classes of "+paths["gt"]+"\n"), errs.String())
	require.NotContains(t, errs.String(), paths["first"])
	require.Equal(t, 1, run(t.Context(), []string{"coco", "compare", "--gt", paths["gt"], paths["first"], "none.json"}, &out, &errs))
	require.Contains(t, errs.String(), "none.json")
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
