package analysis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
	"scalenet/imaging"
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
	require.Equal(t, a.Objects, sizes)

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
	for class, name := range map[int]string{foundColour: "found", falseColour: "false detection", missedColour: "missed", ignoredColour: "ignored"} {
		c := imaging.ClassColor(class)
		entry := fmt.Sprintf(`<i style="background:#%02x%02x%02x"></i>%s`, c.R, c.G, c.B, name)
		require.True(t, strings.Contains(string(html), entry), entry) // the page is long
	}
	require.NotContains(t, string(html), "http", "nothing is loaded from elsewhere")
	require.NotContains(t, string(html), "ZgotmplZ", "what html/template refuses")
	require.ErrorContains(t, a.WriteReport(dir, 6), "report.html: already exists")
}

// The report counts as the evaluator does what is ignored, and what is not.
func TestIgnoredAsInEvaluation(t *testing.T) {
	ignored := func(fields string) string {
		return `, {"id": 2, "image_id": 1, "category_id": 1, "bbox": [50, 50, 100, 100], ` + fields + `}`
	}
	detection := func(box string) string {
		return `, {"image_id": 1, "category_id": 1, "bbox": [` + box + `], "score": 0.8}`
	}
	half, inside := detection("50, 50, 100, 50"), detection("60, 60, 10, 10") // of the ignored object
	for name, c := range map[string]struct {
		object, detections     string
		objects, missed, wrong int
	}{
		"ignored, IoU of 0.5":  {ignored(`"ignore": 1`), half, 1, 0, 0},
		"ignored once":         {ignored(`"ignore": 1`), half + half, 1, 0, 1},
		"inside ignored":       {ignored(`"ignore": 1`), inside + inside, 1, 0, 2},
		"inside a crowd":       {ignored(`"iscrowd": 1`), inside + inside, 1, 0, 0},
		"area below 0":         {ignored(`"area": -1`), half + half, 1, 0, 1},
		"area above 1e10":      {ignored(`"area": 2e10`), "", 1, 0, 0},
		"area of 1e10":         {ignored(`"area": 1e10`), "", 2, 1, 0},
		"detection below 0":    {"", detection("50, 50, -10, 10"), 1, 0, 0},
		"detection above 1e10": {"", detection("50, 50, 3e5, 1e5"), 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			gt, dt := open(t, `{"images": [{"id": 1}], "categories": [{"id": 1, "name": "x"}], "annotations": [
				{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}`+c.object+`]}`, `[`+detection("10, 10, 20, 20")[2:]+c.detections+`]`)
			a, err := Analyse(gt, dt, Options{Score: 0.1})
			require.NoError(t, err)
			require.Equal(t, c.objects, a.Objects)
			require.InDelta(t, 1/float64(1+c.wrong), a.Point.Precision, exact, "the evaluator's")
			require.Equal(t, Image{ID: 1, Objects: c.objects, Found: 1, Missed: c.missed, False: c.wrong}, a.PerImage[0])
			require.Equal(t, [][]int{{1, c.missed}, {c.wrong, 0}}, a.matrix.Count)
			require.InDelta(t, a.Stats.AP50(), a.Errors.AP50, exact)
			require.Equal(t, c.missed, a.Errors.Count[Missed])
			coco.Bootstrap(gt, 1, 1, func(_ *struct{}, _ int, d *coco.Resample) { require.Equal(t, []int{c.objects}, d.Objects) })
		})
	}
}

// A size on the edge of two ranges is in one of them.
func TestSizesCountOnce(t *testing.T) {
	var objects []string
	for i, side := range []int{0, 16, 32, 64, 96, 512, 100_000} {
		objects = append(objects, fmt.Sprintf(`{"id": %d, "image_id": 1, "category_id": 1, "bbox": [0, 0, %d, %d]}`, i+1, side, side))
	}
	gt, dt := open(t, `{"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [`+strings.Join(objects, ", ")+`]}`, `[]`)
	a, err := Analyse(gt, dt, Options{})
	require.NoError(t, err)
	var counts []int
	for _, s := range a.Sizes {
		counts = append(counts, s.Objects)
	}
	require.Equal(t, []int{1, 1, 1, 1, 1, 0, 0, 2}, counts)
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
