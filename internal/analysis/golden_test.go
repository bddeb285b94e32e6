package analysis

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
)

const exact = 1e-9

// tideFigures are tidecv's, in percent.
type tideFigures struct {
	AP             float64
	Loss           [numKinds]float64
	Count          [numKinds]int
	FalsePositives float64 `json:"false_positives"`
	FalseNegatives float64 `json:"false_negatives"`
}

type goldenCase struct {
	GT, DT    json.RawMessage
	TIDE      tideFigures
	Confusion [][]int
}

func golden(t *testing.T) (fake100 tideFigures, cases []goldenCase) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	require.NoError(t, err)
	var file struct {
		Fake100 tideFigures
		Cases   []goldenCase
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Greater(t, len(file.Cases), 25)
	return file.Fake100, file.Cases
}

// open reads a problem from text.
func open(t testing.TB, gt, dt string) (*coco.Dataset, *coco.Results) {
	t.Helper()
	dir := t.TempDir()
	gtPath, dtPath := filepath.Join(dir, "gt.json"), filepath.Join(dir, "dt.json")
	require.NoError(t, os.WriteFile(gtPath, []byte(gt), 0o644))
	require.NoError(t, os.WriteFile(dtPath, []byte(dt), 0o644))
	truth, results, err := coco.Evaluator{}.ReadFiles(gtPath, dtPath)
	require.NoError(t, err)
	return truth, results
}

// shared is a path in the folder of shared data; the test is skipped where that is not there.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("SCALENET_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skip("shared data not found: " + path)
	}
	return path
}

func requireTIDE(t *testing.T, want tideFigures, got ErrorBreakdown, name string) {
	t.Helper()
	require.Equal(t, want.Count, got.Count, name)
	require.InDelta(t, want.AP, 100*got.AP50, exact, name)
	for kind, loss := range want.Loss {
		require.InDelta(t, loss, 100*got.Loss[kind], exact, "%s: %s", name, KindNames()[kind])
	}
	require.InDelta(t, want.FalsePositives, 100*got.FalsePositives, exact, name)
	require.InDelta(t, want.FalseNegatives, 100*got.FalseNegatives, exact, name)
}

// TestErrors has tidecv's figures.
func TestErrors(t *testing.T) {
	fake100, cases := golden(t)
	for i, c := range cases {
		gt, dt := open(t, string(c.GT), string(c.DT))
		got := Errors(gt, dt)
		requireTIDE(t, c.TIDE, got, fmt.Sprint("case ", i))
		sum := [numKinds]int{}
		for _, class := range got.ByClass {
			for kind, n := range class {
				sum[kind] += n
			}
		}
		require.Equal(t, got.Count, sum)
	}
	t.Run("fake100", func(t *testing.T) {
		dir := shared(t, "reference", "coco-eval", "cocoapi_fake100")
		gt, dt, err := coco.Evaluator{}.ReadFiles(filepath.Join(dir, "instances_val2014_100.json"), filepath.Join(dir, "instances_val2014_fakebbox100_results.json"))
		require.NoError(t, err)
		requireTIDE(t, fake100, Errors(gt, dt), "fake100")
	})
}

// TestConfusion has hotcoco's figures.
func TestConfusion(t *testing.T) {
	_, cases := golden(t)
	compared := 0
	for i, c := range cases {
		if c.Confusion == nil {
			continue
		}
		compared++
		gt, dt := open(t, string(c.GT), string(c.DT))
		require.Equal(t, c.Confusion, Confusion(gt, dt, 0.5, 0.3).Count, "case %d", i)
	}
	require.Greater(t, compared, 10)
}

// TestVOC has the figures published with the case. The tool that published them takes x, y, width and height for corners whose
// last pixel belongs to the box.
func TestVOC(t *testing.T) {
	dir := shared(t, "reference", "coco-eval", "voc11", "test_case_1")
	var gt, dt []string
	for image := 1; image <= 7; image++ {
		name := fmt.Sprintf("%05d.txt", image)
		readBoxes(t, filepath.Join(dir, "gts", name), false, func(_ float64, box string) {
			gt = append(gt, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": 1, "bbox": %s}`, len(gt)+1, image, box))
		})
		readBoxes(t, filepath.Join(dir, "dets", name), true, func(score float64, box string) {
			dt = append(dt, fmt.Sprintf(`{"image_id": %d, "category_id": 1, "score": %v, "bbox": %s}`, image, score, box))
		})
	}
	require.Len(t, gt, 15)
	require.Len(t, dt, 24)
	truth, results := open(t, `{"images": [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}, {"id": 5}, {"id": 6}, {"id": 7}],
		"categories": [{"id": 1, "name": "object"}, {"id": 2, "name": "nothing"}], "annotations": [`+strings.Join(gt, ", ")+`]}`,
		`[`+strings.Join(dt, ", ")+`]`)
	for _, c := range []struct{ iou, elevenPoints, area float64 }{
		{0.1, 0.3333333333, 0.3371980676}, {0.3, 0.2683982683, 0.2456866804}, {0.5, 0.0303030303, 0.0222222222}, {0.75, 0, 0},
	} {
		mean, classes := VOC(truth, results, c.iou)
		require.InDelta(t, c.elevenPoints, mean.ElevenPoints, 1e-9, "IoU %v", c.iou)
		require.InDelta(t, c.area, mean.Area, 1e-9, "IoU %v", c.iou)
		require.Equal(t, []VOCFigures{mean, {-1, -1}}, classes)
	}
}

// readBoxes reads lines of "object [score] x y w h".
func readBoxes(t *testing.T, path string, scored bool, add func(score float64, box string)) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, score := strings.TrimPrefix(lines.Text(), "object "), 0.0
		var x, y, w, h float64
		if scored {
			_, err = fmt.Sscan(text, &score, &x, &y, &w, &h)
		} else {
			_, err = fmt.Sscan(text, &x, &y, &w, &h)
		}
		require.NoError(t, err, text)
		add(score, fmt.Sprintf("[%v, %v, %v, %v]", x, y, w+1, h+1))
	}
}
