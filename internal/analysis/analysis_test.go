package analysis

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
)

// cocoSample evaluates detections made from the sample's own annotations: shifted, of another class, twice or left out.
func cocoSample(t testing.TB, spoil func(i int, box *[4]float64, class *int) (times int)) (*coco.Dataset, *coco.Results) {
	t.Helper()
	dir := shared(t, "data", "coco-sample")
	gt, err := coco.ReadCOCO(filepath.Join(dir, "annotations", "instances_val2017.json"), filepath.Join(dir, "val2017"))
	require.NoError(t, err)
	dt := &coco.Results{Path: "made.json"}
	for i, a := range gt.Annotations {
		box, class := a.Box, a.Class-1
		for n := range spoil(i, &box, &class) {
			dt.Add(gt.Images[a.Image].ID, gt.Categories[class].ID, box, 1/float64(2+i%37+40*n))
		}
	}
	return gt, dt
}

// spoil is a detector that makes every kind of mistake.
func spoil(i int, box *[4]float64, class *int) int {
	switch i % 9 {
	case 0:
		return 0
	case 1:
		box[0] += box[2] * 0.4
	case 2:
		*class = (*class + 1) % 80
	case 3:
		return 2
	case 4:
		box[0], box[1], box[2], box[3] = 1, 1, 20, 20
	}
	return 1
}

func TestAnalyse(t *testing.T) {
	gt, dt := cocoSample(t, spoil)
	a, err := Analyse(gt, dt, Options{})
	require.NoError(t, err)
	want, err := coco.Evaluate(gt, dt)
	require.NoError(t, err)
	require.Equal(t, want.Stats, a.Stats)
	require.Equal(t, 50, a.Images)
	require.Len(t, a.Classes, 80)
	require.Len(t, a.Curves, 6)
	mean := 0.0
	for _, p := range a.Curves[5].Precision {
		mean += p / coco.RecallPoints
	}
	require.InDelta(t, a.Stats.AP(), mean, exact, "the mean curve's mean is AP")
	objects, found := 0, 0
	for _, p := range a.PerImage {
		objects += p.Objects
		found += p.Found
		require.Equal(t, p.Objects, p.Found+p.Missed)
	}
	require.Equal(t, a.Objects, objects)
	require.InDelta(t, a.Point.Recall, float64(found)/float64(objects), exact, "both ways of matching agree")
	for _, n := range a.Errors.Count {
		require.Positive(t, n, a.Errors.Count)
	}
	sizes := 0
	for _, s := range a.Sizes {
		sizes += s.Objects
	}
	require.Equal(t, a.Objects, sizes, "no area is on a limit")

	given, err := Analyse(gt, dt, Options{Score: 0.25})
	require.NoError(t, err)
	require.Equal(t, 0.25, given.Point.Score)
	require.Less(t, given.Point.Recall, a.Point.Recall)
}

func TestWriteReport(t *testing.T) {
	gt, dt := cocoSample(t, spoil)
	a, err := Analyse(gt, dt, Options{})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "report")
	if keep := os.Getenv("REPORT_DIR"); keep != "" { // to look at it
		dir = keep
	}
	require.NoError(t, a.WriteReport(dir, 6))
	for _, name := range []string{"precision_recall.png", "sizes.png", "errors.png", "confusion.png"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		image, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		require.Greater(t, image.Bounds().Dx(), 500)
	}
	data, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	var back Analysis
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, a.Stats, back.Stats)
	require.Equal(t, a.Confusion, back.Confusion)
	html, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	require.Equal(t, 4+6, strings.Count(string(html), "<img "))
	require.NotContains(t, string(html), "http", "nothing is loaded from elsewhere")
	require.NotContains(t, string(html), "ZgotmplZ", "what html/template refuses")
	require.ErrorContains(t, a.WriteReport(dir, 6), "report.html: already exists")
}

// TestNothing has no objects, no detections, no sizes of images.
func TestNothing(t *testing.T) {
	for _, c := range []struct{ gt, dt string }{
		{`{"images": [], "categories": [], "annotations": []}`, `[]`},
		{`{"images": [{"id": 0}], "categories": [{"id": 0}], "annotations": []}`, `[{"image_id": 0, "category_id": 0, "bbox": [0, 0, 5, 5], "score": 0.5}]`},
		{`{"images": [{"id": 0}], "categories": [{"id": 0}, {"id": 2, "name": "<b>"}],
			"annotations": [{"id": 1, "image_id": 0, "category_id": 2, "bbox": [3, 4, 5000, 0]}]}`, `[]`},
	} {
		gt, dt := open(t, c.gt, c.dt)
		a, err := Analyse(gt, dt, Options{})
		require.NoError(t, err)
		dir := t.TempDir()
		require.NoError(t, a.WriteReport(dir, 5))
		html, err := os.ReadFile(filepath.Join(dir, "report.html"))
		require.NoError(t, err)
		require.NotContains(t, string(html), "<b></td>")
		_, err = Compare(gt, dt, dt, CompareOptions{Resamples: 3})
		require.NoError(t, err)
	}
}

func TestCompare(t *testing.T) {
	gt, worse := cocoSample(t, spoil)
	_, better := cocoSample(t, func(i int, box *[4]float64, class *int) int {
		if i%2 == 0 {
			return 1
		}
		return spoil(i, box, class)
	})
	c, err := Compare(gt, worse, better, CompareOptions{Resamples: 200, Seed: 1})
	require.NoError(t, err)
	require.Greater(t, c.AP.Delta, 0.1)
	require.False(t, c.AP.Chance())
	require.Less(t, c.AP.Low, c.AP.Delta)
	require.Greater(t, c.AP.High, c.AP.Delta)
	require.NotEmpty(t, c.Classes)
	require.Less(t, c.PerImage[0].Second, c.PerImage[0].First, "the most improved first")

	again, err := Compare(gt, worse, better, CompareOptions{Resamples: 200, Seed: 1})
	require.NoError(t, err)
	require.Equal(t, c, again, "the seed decides")

	same, err := Compare(gt, worse, worse, CompareOptions{Resamples: 20})
	require.NoError(t, err)
	require.Equal(t, Change{First: c.AP.First, Second: c.AP.First}, same.AP)
	require.True(t, same.AP.Chance())
	require.Empty(t, same.PerImage)
	_, err = Compare(gt, worse, worse, CompareOptions{})
	require.ErrorContains(t, err, "resamples")
}
