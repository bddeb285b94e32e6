package curves

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gonum.org/v1/plot/plotter"

	"scalenet/internal/brief"
	"scalenet/internal/figure"
	"scalenet/train"
)

// Curve is a validation metric of a run by epoch, such as top1 or AP.
type Curve struct {
	Run    string // folder of the run
	Figure string
	Epochs []int
	Values []float64
}

// Highest returns the largest value and its first epoch, or 0, 0 without values.
func (c Curve) Highest() (epoch int, value float64) {
	if len(c.Values) == 0 {
		return 0, 0
	}
	value = slices.Max(c.Values)
	return c.Epochs[slices.Index(c.Values, value)], value
}

// Read reads a metric of the run in folder dir, the first one logged if name is
// empty. It returns an error if the run has no evaluations, or no such metric; the
// error then lists the metrics.
func Read(dir, name string) (Curve, error) {
	if dir == "" {
		return Curve{}, errors.New(`"": want the folder of a training run`)
	}
	path := filepath.Join(dir, train.LogFile)
	_, eval, err := readLog(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Curve{}, fmt.Errorf("%s: not a training run: %s is missing", dir, train.LogFile)
	case errors.Is(err, syscall.ENOTDIR):
		return Curve{}, fmt.Errorf("%s: not a training run: want its folder", dir)
	case err != nil:
		return Curve{}, err
	}
	if len(eval) == 0 {
		return Curve{}, fmt.Errorf("%s: no evaluation yet", path)
	}
	at := 0
	if name != "" {
		at = slices.IndexFunc(eval, func(c *curve) bool { return c.name == name })
	}
	if at < 0 {
		var names []string
		for _, c := range eval {
			names = append(names, brief.Line(brief.Text(c.name)))
		}
		return Curve{}, fmt.Errorf("%s: unknown metric %q, want one of %s", path, name, strings.Join(names, ", "))
	}
	c := Curve{Run: dir, Figure: eval[at].name}
	for _, p := range eval[at].points {
		c.Epochs, c.Values = append(c.Epochs, int(p.X)), append(c.Values, p.Y)
	}
	return c, nil
}

// PlotRuns draws the curves of several runs in one chart, at most one per colour.
func PlotRuns(path string, list []Curve) error {
	if len(list) == 0 || len(list) > len(figure.Colours) {
		return fmt.Errorf("%d runs: want 1 to %d per chart", len(list), len(figure.Colours))
	}
	drawn := make(curves, len(list))
	for i, c := range list {
		drawn[i] = &curve{name: strings.TrimPrefix(filepath.ToSlash(c.Run), "./")}
		for j, v := range c.Values {
			drawn[i].points = append(drawn[i].points, plotter.XY{X: float64(c.Epochs[j]), Y: v})
		}
	}
	return drawn.draw(path, chart{title: list[0].Figure + " on the validation data", x: "epoch", y: list[0].Figure})
}
