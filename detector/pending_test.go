package detector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/roi"
)

// Pending runs give the same detections as separate runs: more of them than MaxPending, of several sizes, with one plan for all, and in any order
// of Wait. A run without a Wait is no error.
func TestPendingRuns(t *testing.T) {
	m := newModel(t, smallConfig())
	settings := m.Settings()
	settings.Detections.Score = 0
	queries := severalSizes(settings)
	onDevices(t, func(t *testing.T, dev engine.Device) {
		d := NewDetector(m, dev, Options{PlanBytes: 1})
		defer d.Close()
		var want [][]roi.Detection
		for _, q := range queries {
			found, _, err := d.DetectEach(q)
			require.NoError(t, err)
			require.NotEmpty(t, found[0])
			want = append(want, found[0])
		}
		for range 2 {
			var runs []*Run
			for _, q := range queries {
				r, err := d.Start(q)
				require.NoError(t, err)
				require.LessOrEqual(t, d.pending.Len(), maxPending+1)
				runs = append(runs, r)
			}
			for _, i := range []int{0, 4, 2, 3, 1} {
				found, timing, err := runs[i].Wait()
				require.NoError(t, err)
				require.Equal(t, [][]roi.Detection{want[i]}, found, "run %d", i)
				require.Positive(t, timing.Inference)
			}
		}
		all, _, err := d.DetectEach(queries...)
		require.NoError(t, err)
		require.Len(t, all, len(queries))
		for i, found := range all[2:4] { // the others are in batches with others
			require.Equal(t, want[2+i], found)
		}
		_, err = d.Start(queries...)
		require.NoError(t, err)
	})
}

// severalSizes are queries of images of several sizes.
func severalSizes(settings Settings) (queries []Query) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, size := range [][2]int{{64, 64}, {64, 64}, {90, 64}, {64, 100}, {64, 64}} {
		queries = append(queries, Query{Image: noise(random, size[0], size[1]), Settings: settings})
	}
	return queries
}

// Several devices give the detections of one, in any order of Wait, and the results of an evaluation.
func TestParallelDetector(t *testing.T) {
	one := evaluator(t, nil)
	m := one.Model()
	settings := m.Settings()
	queries := severalSizes(settings)
	several := NewParallelDetector(m, []engine.Device{newCPU(t), newCPU(t), newCPU(t)}, Options{PlanBytes: 3})
	defer several.Close()
	require.Equal(t, 2, several.MaxPending())
	want := make([][]roi.Detection, len(queries))
	var runs []*Run
	for i, q := range queries {
		found, _, err := one.DetectEach(q)
		require.NoError(t, err)
		want[i] = found[0]
		r, err := several.Start(q)
		require.NoError(t, err)
		require.LessOrEqual(t, several.pending.Len(), 3)
		runs = append(runs, r)
	}
	for _, i := range []int{1, 4, 0, 3, 2} {
		found, timing, err := runs[i].Wait()
		require.NoError(t, err)
		require.Equal(t, want[i], found[0], "run %d", i)
		require.Positive(t, timing.Inference)
		require.Positive(t, timing.Preprocess)
	}
	for _, s := range several.streams {
		require.Len(t, s.plans, 1, "one byte a device")
	}

	data := images(t)
	a, err := one.Evaluate(t.Context(), data, EvaluateOptions{})
	require.NoError(t, err)
	b, err := several.Evaluate(t.Context(), data, EvaluateOptions{})
	require.NoError(t, err)
	require.Equal(t, a.Results, b.Results)
	require.Equal(t, a.Stats, b.Stats)
}

// A batch whose device fails has an error, the others have their detections.
func TestParallelDetectorFails(t *testing.T) {
	one := evaluator(t, nil)
	queries := severalSizes(one.Model().Settings())
	want, _, err := one.DetectEach(queries[0])
	require.NoError(t, err)
	good, bad := newCPU(t), newCPU(t)
	several := NewParallelDetector(one.Model(), []engine.Device{good, bad}, Options{})
	defer several.Close()
	require.NoError(t, bad.Close())
	for range 2 {
		first, err := several.Start(queries[0])
		require.NoError(t, err)
		second, err := several.Start(queries[0])
		require.NoError(t, err)
		_, _, err = second.Wait()
		require.ErrorContains(t, err, "closed")
		found, _, err := first.Wait()
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
}
