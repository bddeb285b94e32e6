package train

import (
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/plotter"
)

// logRun writes the log of an imagined run.
func logRun(t *testing.T, dir string) {
	t.Helper()
	log, err := openLog(dir, &state{}, func(string) {})
	require.NoError(t, err)
	r := NewRand(1)
	for step := 1; step <= 600; step++ {
		noise := func(scale, floor float64) float64 {
			return scale*math.Exp(-float64(step)/150) + floor + 0.1*r.NormFloat64()*scale
		}
		require.NoError(t, log.Train(Row{Step: step, Epoch: 1 + step/60, LR: 0.01, Losses: []Metric{
			{"rpn_class", noise(0.7, 0.05)}, {"rpn_box", noise(0.3, 0.03)}, {"class", noise(1.5, 0.2)}, {"box", noise(0.5, 0.15)},
		}}))
		if step%60 == 0 {
			ap := 0.55 * (1 - math.Exp(-float64(step)/200))
			require.NoError(t, log.Eval(EvalRow{Step: step, Epoch: step / 60, Metrics: []Metric{
				{"AP", ap}, {"AP50", min(0.9, ap*1.6)}, {"AP75", ap * 0.9}, {"APs", -1}, {"APm", math.NaN()},
			}}))
		}
	}
	require.NoError(t, log.Close())
}

func TestPlot(t *testing.T) {
	dir := t.TempDir()
	if keep := os.Getenv("PLOT_DIR"); keep != "" { // to look at them
		dir = keep
	}
	require.NoError(t, Plot(dir), "no log, no picture")
	logRun(t, dir)
	require.NoError(t, Plot(dir))
	for _, name := range []string{lossPNG, metricsPNG} {
		f, err := os.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		picture, err := png.Decode(f)
		require.NoError(t, err)
		require.Greater(t, picture.Bounds().Dx(), 800)
		require.NoError(t, f.Close())
	}
}

func TestReadCurves(t *testing.T) {
	train, eval, err := readCurves(strings.NewReader(
		`{"kind":"train","step":2,"epoch":1,"lr":0.1,"loss":3,"box":null,"images_per_second":1,"data_wait":0}` + "\n" +
			`{"kind":"eval","step":2,"epoch":1,"AP":0.5,"APs":-1,"best":true}` + "\n"))
	require.NoError(t, err)
	require.Equal(t, curves{{"loss", plotter.XYs{{X: 2, Y: 3}}}}, train)
	require.Equal(t, curves{{"AP", plotter.XYs{{X: 1, Y: 0.5}}}}, eval)
	for _, broken := range []string{"[]", `{"a":1`, `{"a":[1]}`, "nonsense"} {
		_, _, err := readCurves(strings.NewReader(broken))
		require.ErrorContains(t, err, "line 1", broken)
	}
}

func TestSmooth(t *testing.T) {
	constant := smooth(plotter.XYs{{X: 1, Y: 2}, {X: 2, Y: 2}}, 0.9)
	require.InDelta(t, 2, constant[0].Y, 1e-12)
	require.InDelta(t, 2, constant[1].Y, 1e-12)
}

// A run of one evaluation, or of losses that are all 0, has a range of nothing.
func TestPlotOfOnePoint(t *testing.T) {
	dir := t.TempDir()
	log, err := openLog(dir, &state{}, func(string) {})
	require.NoError(t, err)
	require.NoError(t, log.Train(Row{Step: 1, Epoch: 1, Losses: []Metric{{"a", 0}}}))
	require.NoError(t, log.Eval(EvalRow{Step: 1, Epoch: 1, Metrics: []Metric{{"AP", 0}}}))
	require.NoError(t, log.Close())
	require.NoError(t, Plot(dir))
	require.FileExists(t, filepath.Join(dir, metricsPNG))
}

func TestProgressOffTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "err"))
	require.NoError(t, err)
	p := NewProgress(f, time.Hour)
	for step := 1; step <= 3; step++ {
		p.step(Row{Step: step, Epoch: 1, LR: 0.01, Losses: []Metric{{"a", 1}, {"b", 0.5}}, ImagesPerSecond: 2}, 3, 1)
	}
	p.evaluated(EvalRow{Epoch: 1, Metrics: []Metric{{"AP", 0.25}, {"AP/cell", 0.5}}, Best: true})
	p.finish()
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	lines := strings.Split(string(b), "\n")
	require.Len(t, lines, 4)
	require.Equal(t, "step 1/3  epoch 1/1  loss 1.5000  lr 0.01  2.0 img/s  data wait 0%", lines[0])
	require.True(t, strings.HasPrefix(lines[1], "step 3/3"), lines[1])
	require.True(t, strings.HasSuffix(lines[1], "left"), lines[1])
	require.Equal(t, "epoch 1 evaluated: AP 0.25  (best so far)", lines[2])
	var silent *Progress
	silent.step(Row{}, 1, 1)
	silent.evaluated(EvalRow{})
	silent.finish()
}

func TestLogCutsWhatIsDoneAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(log *Log, from, to int) {
		for i := from; i <= to; i++ {
			require.NoError(t, log.Train(Row{Step: i, Epoch: 1, Losses: []Metric{{"a,b", float64(i) / 3}}}))
			require.NoError(t, log.Eval(EvalRow{Step: i, Epoch: 1, Metrics: []Metric{{"AP", math.Inf(1)}}}))
		}
		require.NoError(t, log.Sync())
		require.NoError(t, log.Close())
	}
	read := func() string {
		var all string
		for _, name := range []string{trainCSV, evalCSV, logJSONL} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			all += string(b)
		}
		return all
	}
	log, err := openLog(dir, &state{}, func(string) {})
	require.NoError(t, err)
	write(log, 1, 4)
	want := read()
	require.Contains(t, want, `"AP":null`)
	require.Contains(t, want, `"a,b"`)
	for keep := range 5 {
		f, err := os.OpenFile(filepath.Join(dir, trainCSV), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		fmt.Fprint(f, "7,half a li") // the process was killed while writing
		require.NoError(t, f.Close())
		log, err := openLog(dir, &state{Step: keep, TrainRows: keep, EvalRows: keep}, func(string) {})
		require.NoError(t, err)
		write(log, keep+1, 4)
		require.Equal(t, want, read())
	}
	// Other columns are no dead end: the old file is kept, and a new one begun.
	var told []string
	log, err = openLog(dir, &state{Step: 4, TrainRows: 4, EvalRows: 4}, func(s string) { told = append(told, s) })
	require.NoError(t, err)
	before, err := os.ReadFile(filepath.Join(dir, trainCSV))
	require.NoError(t, err)
	require.NoError(t, log.Train(Row{Step: 5, Losses: []Metric{{"other", 1}}}))
	require.NoError(t, log.Close())
	require.Len(t, told, 1)
	require.Contains(t, told[0], "train.csv: has the columns")
	kept, err := os.ReadFile(filepath.Join(dir, trainCSV+".1"))
	require.NoError(t, err)
	require.Equal(t, before, kept)
}
