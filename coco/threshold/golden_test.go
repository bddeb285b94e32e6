package threshold

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
)

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

// weighted counts the objects of each class, and of all, with image i repeated weight[i] times.
func weighted(gt *coco.Dataset, weight []int32) []int {
	objects := make([]int, len(gt.Categories)+1)
	for _, a := range gt.Annotations {
		if !a.Ignored() {
			objects[a.Class-1] += int(weight[a.Image])
			objects[len(gt.Categories)] += int(weight[a.Image])
		}
	}
	return objects
}

// The thresholds of pycocotools' matches and scikit-learn's curves.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	require.NoError(t, err)
	var cases []struct {
		GT, DT  json.RawMessage
		Weights [][]int32
		Chosen  map[string][][][]float64 // by rule, weights and class: threshold, precision, recall, F1; or null
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	compared := 0
	for i, c := range cases {
		gt, dt := open(t, string(c.GT), string(c.DT))
		e, err := coco.Evaluator{Ranking: true}.Evaluate(gt, dt)
		require.NoError(t, err)
		for rule, byWeights := range c.Chosen {
			r, err := ParseRule(rule)
			require.NoError(t, err)
			chosen, err := Choose(gt, dt, r, Options{Resamples: 20})
			require.NoError(t, err)
			for w, want := range byWeights {
				objects := weighted(gt, c.Weights[w])
				for k, curve := range curves(e, dt) {
					threshold, at, _, ok := r.pick(&curve, c.Weights[w], objects[k])
					require.Equal(t, want[k] != nil, ok, "case %d, %s, weights %d, class %d", i, rule, w, k)
					if !ok {
						continue
					}
					compared++
					require.InDeltaSlice(t, want[k], []float64{threshold, at.precision(), at.recall(), at.f1()}, 1e-9, "case %d, %s, weights %d, class %d", i, rule, w, k)
				}
			}
			for k, c := range append(slices.Clone(chosen.Classes), chosen.All) {
				requireChoice(t, byWeights[0][k], c)
			}
		}
	}
	require.Greater(t, compared, 200)
}

// requireChoice compares a choice for all images with threshold, precision, recall and F1, or nil.
func requireChoice(t *testing.T, want []float64, c Class) {
	t.Helper()
	if want == nil {
		require.Nil(t, c.Point)
		require.NotEmpty(t, c.Reason)
		return
	}
	require.Empty(t, c.Reason)
	p := c.Point
	require.InDeltaSlice(t, want, []float64{p.Threshold.Value, p.Precision.Value, p.Recall.Value, p.F1.Value}, 1e-9)
	for _, e := range []Estimate{p.Threshold, p.Precision, p.Recall, p.F1} {
		require.LessOrEqual(t, e.Low, e.High)
	}
}
