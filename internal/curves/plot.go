// Package curves reads losses and metrics of training runs from their logs, and plots them.
package curves

import (
	"errors"
	"image/color"
	"io/fs"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"scalenet/internal/figure"
	"scalenet/train"
)

// Plot draws charts of the run in folder dir from its log.jsonl: loss.png has the
// losses by step, metrics.png the validation metrics by epoch. A chart without data
// is not written.
func Plot(dir string) error {
	losses, eval, err := readLog(filepath.Join(dir, train.LogFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(
		losses.draw(filepath.Join(dir, train.LossPlot), chart{
			title: "Training losses (moving average; total loss as logged in grey)", x: "step", y: "loss", smooth: true, falling: true}),
		eval.draw(filepath.Join(dir, train.MetricsPlot), chart{
			title: "Evaluation on the validation data", x: "epoch", y: "metric"}),
	)
}

// curve is a line of a chart.
type curve struct {
	name   string
	points plotter.XYs
}

type curves []*curve

func (c *curves) add(name string, x, y float64) {
	i := slices.IndexFunc(*c, func(k *curve) bool { return k.name == name })
	if i < 0 {
		i = len(*c)
		*c = append(*c, &curve{name: name})
	}
	(*c)[i].points = append((*c)[i].points, plotter.XY{X: x, Y: y})
}

// chart has the title and the axis labels of a chart, and how it is drawn.
type chart struct {
	title, x, y string
	smooth      bool // draw moving averages, and the first curve unsmoothed in grey
	falling     bool // the curves fall: the legend is at the top
}

// draw writes a chart, with at most one curve per colour.
func (c curves) draw(path string, how chart) error {
	if len(c) == 0 {
		return nil
	}
	p := figure.New(how.title, how.x, how.y)
	p.Legend.Top = how.falling
	if how.smooth {
		if err := addLine(p, c[0].points, color.Gray{190}, vg.Points(0.7), ""); err != nil {
			return err
		}
	}
	for i, k := range c[:min(len(c), len(figure.Colours))] {
		points := k.points
		if how.smooth {
			points = movingAverage(points)
		}
		if err := addLine(p, points, figure.Colours[i], vg.Points(1.6), k.name); err != nil {
			return err
		}
	}
	p.Y.Min = min(p.Y.Min, 0)
	p.Y.Max += (p.Y.Max - p.Y.Min) * 0.05
	return figure.Write(path, 9*vg.Inch, 5.5*vg.Inch, p)
}

// addLine adds a line. Its points are marked if there are at most 40.
func addLine(p *plot.Plot, points plotter.XYs, c color.Color, width vg.Length, name string) error {
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, width
	p.Add(line)
	if len(points) <= 40 && name != "" {
		marks.Color, marks.Radius = c, vg.Points(2)
		p.Add(marks)
	}
	if name != "" {
		p.Legend.Add(name, line)
	}
	return nil
}

// movingAverage averages each point with its neighbours, as many on either side:
// 2 % of the curve at most, and fewer near the ends. A centred average does not lag
// behind a falling loss, as an exponential one does.
func movingAverage(points plotter.XYs) plotter.XYs {
	sums := make([]float64, len(points)+1) // sums[i]: of the first i values
	for i, p := range points {
		sums[i+1] = sums[i] + p.Y
	}
	out := make(plotter.XYs, len(points))
	for i, p := range points {
		side := min(len(points)/50, i, len(points)-1-i)
		from, to := i-side, i+side+1
		out[i] = plotter.XY{X: p.X, Y: (sums[to] - sums[from]) / float64(to-from)}
	}
	return out
}
