package curves

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/train"
)

func TestCompareRuns(t *testing.T) {
	dir := t.TempDir()
	if keep := os.Getenv("PLOT_DIR"); keep != "" { // to look at them
		dir = keep
	}
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for _, run := range []string{first, second} {
		require.NoError(t, os.MkdirAll(run, 0o777))
		logRun(t, run)
	}
	a, err := Read(first, "")
	require.NoError(t, err)
	require.Equal(t, "AP", a.Figure)
	require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, a.Epochs)
	epoch, highest := a.Highest()
	require.Equal(t, 10, epoch)
	require.Equal(t, a.Values[9], highest)
	b, err := Read(second, "AP75")
	require.NoError(t, err)
	require.InDelta(t, 0.9*a.Values[4], b.Values[4], 1e-12)
	require.NoError(t, PlotRuns(filepath.Join(dir, "runs.png"), []Curve{a, b}))
	require.FileExists(t, filepath.Join(dir, "runs.png"))
}

func TestCompareRunsErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(dir, "")
	require.ErrorContains(t, err, "not a training run: log.jsonl is missing")
	path := filepath.Join(dir, train.LogFile)
	for content, want := range map[string]string{
		"":                       "no evaluation yet",
		"{\"kind\":\"train\"}\n": "no evaluation yet",
		"{\"kind\":\"eval\",\"epoch\":1,\"AP\":0.5,\"AP50\":0.6}\n": `unknown metric "top1", want one of AP, AP50`,
		"[1]\n": "line 1",
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
		_, err := Read(dir, "top1")
		require.ErrorContains(t, err, want, content)
		require.ErrorContains(t, err, path, content)
	}
	require.ErrorContains(t, PlotRuns(filepath.Join(dir, "x.png"), nil), "0 runs")
	require.ErrorContains(t, PlotRuns(filepath.Join(dir, "x.png"), make([]Curve, 8)), "8 runs")
	require.NoFileExists(t, filepath.Join(dir, "x.png"))
	require.Zero(t, func() float64 { _, v := Curve{}.Highest(); return v }())
}
