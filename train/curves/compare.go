package curves

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/plotter"

	"scalenet/figure"
	"scalenet/train"
)

// Curve is a figure of a run's evaluations, such as top1 or AP.
type Curve struct {
	Run    string // its folder
	Figure string
	Epochs []int
	Values []float64
}

// Highest is the largest value and its epoch, the first of equal ones; 0, 0 without any.
func (c Curve) Highest() (epoch int, value float64) {
	if len(c.Values) == 0 {
		return 0, 0
	}
	value = slices.Max(c.Values)
	return c.Epochs[slices.Index(c.Values, value)], value
}

// Read reads a figure of the run in a folder, the first one logged if
// name is empty. A run without evaluations, or without that figure, is an error
// that says which figures there are.
func Read(dir, name string) (Curve, error) {
	f, err := os.Open(filepath.Join(dir, train.LogFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Curve{}, fmt.Errorf("%s: no run: %s is missing", dir, train.LogFile)
	}
	if err != nil {
		return Curve{}, err
	}
	defer f.Close()
	_, eval, err := readCurves(f)
	if err != nil {
		return Curve{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if len(eval) == 0 {
		return Curve{}, fmt.Errorf("%s: nothing was evaluated yet", f.Name())
	}
	at := 0
	if name != "" {
		at = slices.IndexFunc(eval, func(c *curve) bool { return c.name == name })
	}
	if at < 0 {
		var names []string
		for _, c := range eval {
			names = append(names, c.name)
		}
		return Curve{}, fmt.Errorf("%s: no figure %q, but %s", f.Name(), name, strings.Join(names, ", "))
	}
	c := Curve{Run: dir, Figure: eval[at].name}
	for _, p := range eval[at].points {
		c.Epochs, c.Values = append(c.Epochs, int(p.X)), append(c.Values, p.Y)
	}
	return c, nil
}

// PlotRuns draws curves of several runs, as many as have a colour, into one
// image.
func PlotRuns(path string, list []Curve) error {
	if len(list) == 0 || len(list) > len(figure.Colours) {
		return fmt.Errorf("%d runs: want 1 to %d in an image", len(list), len(figure.Colours))
	}
	drawn := make(curves, len(list))
	for i, c := range list {
		drawn[i] = &curve{name: strings.TrimPrefix(filepath.ToSlash(c.Run), "./")}
		for j, v := range c.Values {
			drawn[i].points = append(drawn[i].points, plotter.XY{X: float64(c.Epochs[j]), Y: v})
		}
	}
	return drawn.draw(path, image{title: list[0].Figure + " on the validation data", x: "epoch", y: list[0].Figure})
}
