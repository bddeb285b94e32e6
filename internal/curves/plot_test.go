package curves

import (
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/plotter"

	"scalenet/train"
)

// logRun writes the log of an imagined run.
func logRun(t *testing.T, dir string) {
	t.Helper()
	var log strings.Builder
	r := rand.New(rand.NewPCG(1, 0))
	for step := 1; step <= 600; step++ {
		noise := func(scale, floor float64) float64 {
			return scale*math.Exp(-float64(step)/150) + floor + 0.1*r.NormFloat64()*scale
		}
		a, b, c, d := noise(0.7, 0.05), noise(0.3, 0.03), noise(1.5, 0.2), noise(0.5, 0.15)
		fmt.Fprintf(&log, `{"kind":"train","step":%d,"epoch":%d,"lr":0.01,"loss":%v,"rpn_class":%v,"rpn_box":%v,"class":%v,"box":%v,`+
			`"images_per_second":0,"data_wait":0}`+"\n", step, 1+step/60, a+b+c+d, a, b, c, d)
		if step%60 == 0 {
			ap := 0.55 * (1 - math.Exp(-float64(step)/200))
			fmt.Fprintf(&log, `{"kind":"eval","step":%d,"epoch":%d,"AP":%v,"AP50":%v,"AP75":%v,"APs":-1,"APm":null,"best":true}`+"\n",
				step, step/60, ap, min(0.9, ap*1.6), ap*0.9)
		}
	}
	writeLog(t, dir, log.String())
}

func writeLog(t *testing.T, dir, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, train.LogFile), []byte(text), 0o666))
}

func TestPlot(t *testing.T) {
	dir := t.TempDir()
	if keep := os.Getenv("PLOT_DIR"); keep != "" { // to look at them
		dir = keep
	}
	require.NoError(t, Plot(dir), "no log, no image")
	logRun(t, dir)
	require.NoError(t, Plot(dir))
	for _, name := range []string{train.LossPlot, train.MetricsPlot} {
		f, err := os.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		image, err := png.Decode(f)
		require.NoError(t, err)
		require.Greater(t, image.Bounds().Dx(), 800)
		require.NoError(t, f.Close())
	}
}

func TestMovingAverageDoesNotLag(t *testing.T) {
	var line plotter.XYs
	for i := range 200 {
		line = append(line, plotter.XY{X: float64(i), Y: 5 - 0.02*float64(i)})
	}
	for i, p := range movingAverage(line) {
		require.InDelta(t, line[i].Y, p.Y, 1e-9)
	}
	noisy := plotter.XYs{}
	for i := range 200 {
		noisy = append(noisy, plotter.XY{X: float64(i), Y: float64(i % 2)})
	}
	require.InDelta(t, 0.5, movingAverage(noisy)[100].Y, 0.06)
	require.Empty(t, movingAverage(nil))
}

func TestReadCurves(t *testing.T) {
	losses, eval, err := readCurves(strings.NewReader(
		`{"kind":"train","step":2,"epoch":1,"lr":0.1,"loss":3,"box":null,"images_per_second":1,"data_wait":0}` + "\n" +
			`{"kind":"eval","step":2,"epoch":1,"AP":0.5,"APs":-1,"best":true}` + "\n" +
			`{"kind":"train","st`))
	require.NoError(t, err)
	require.Equal(t, curves{{"loss", plotter.XYs{{X: 2, Y: 3}}}}, losses)
	require.Equal(t, curves{{"AP", plotter.XYs{{X: 1, Y: 0.5}}}}, eval)
	for _, broken := range []string{"[]", `{"a":1`, `{"a":[1]}`, "nonsense"} {
		_, _, err := readCurves(strings.NewReader(broken + "\n"))
		require.ErrorContains(t, err, "line 1", broken)
	}
}

func TestMovingAverageOfConstant(t *testing.T) {
	constant := movingAverage(plotter.XYs{{X: 1, Y: 2}, {X: 2, Y: 2}})
	require.InDelta(t, 2, constant[0].Y, 1e-12)
	require.InDelta(t, 2, constant[1].Y, 1e-12)
}

// A run of one evaluation, or of losses that are all 0, has a range of nothing.
func TestPlotOfOnePoint(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, `{"kind":"train","step":1,"epoch":1,"loss":0,"a":0}`+"\n"+`{"kind":"eval","step":1,"epoch":1,"AP":0}`+"\n")
	require.NoError(t, Plot(dir))
	require.FileExists(t, filepath.Join(dir, train.MetricsPlot))
}
