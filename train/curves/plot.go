// Package curves reads the curves of training runs from their logs, and plots them.
package curves

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"scalenet/figure"
	"scalenet/train"
)

// Plot draws the curves of the run in a folder from its log.jsonl: loss.png,
// the losses by step, and metrics.png, the figures of the evaluations by epoch.
// An image with nothing to show is not written.
func Plot(dir string) error {
	f, err := os.Open(filepath.Join(dir, train.LogFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	losses, eval, err := readCurves(f)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return errors.Join(
		losses.draw(filepath.Join(dir, train.LossPlot), image{
			title: "Training losses (smoothed; the sum as logged in grey)", x: "step", y: "loss", keep: 0.9, falling: true}),
		eval.draw(filepath.Join(dir, train.MetricsPlot), image{
			title: "Evaluation on the validation data", x: "epoch", y: "figure"}),
	)
}

// curve is a line of an image.
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

// readCurves reads the rows of a log. What is no number in a row is left out,
// and so are the figures below 0 with which COCO's evaluation says "none".
func readCurves(r io.Reader) (losses, eval curves, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		row, order, err := readRow(lines.Bytes())
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		for _, key := range order {
			switch key {
			case "step", "epoch", "lr", "images_per_second", "data_wait":
				continue
			}
			switch {
			case row.kind == "train":
				losses.add(key, row.numbers["step"], row.numbers[key])
			case row.kind == "eval" && row.numbers[key] >= 0:
				eval.add(key, row.numbers["epoch"], row.numbers[key])
			}
		}
	}
	return losses, eval, lines.Err()
}

type jsonRow struct {
	kind    string
	numbers map[string]float64
}

// readRow reads an object of plain values; order lists the keys of numbers.
func readRow(line []byte) (row jsonRow, order []string, err error) {
	row.numbers = map[string]float64{}
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return row, nil, fmt.Errorf("no JSON object: %q", line)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return row, nil, err
		}
		value, err := d.Token()
		if err != nil {
			return row, nil, err
		}
		name, _ := key.(string)
		switch v := value.(type) {
		case float64:
			row.numbers[name] = v
			order = append(order, name)
		case string:
			row.kind = v
		case json.Delim:
			return row, nil, fmt.Errorf("%q is no plain value", name)
		}
	}
	_, err = d.Token()
	return row, order, err
}

// image is what is said around the curves.
type image struct {
	title, x, y string
	// keep is the share of the past in the smoothed curves, 0 for none.
	keep float64
	// falling curves have the legend above them, rising ones below.
	falling bool
}

// draw writes the image: each curve smoothed, and behind them the first one
// as it is when there is smoothing. As many curves are drawn as have a colour.
func (c curves) draw(path string, how image) error {
	if len(c) == 0 {
		return nil
	}
	p := figure.New(how.title, how.x, how.y)
	p.Legend.Top = how.falling
	if how.keep > 0 {
		if err := addLine(p, c[0].points, color.Gray{190}, vg.Points(0.7), ""); err != nil {
			return err
		}
	}
	for i, k := range c[:min(len(c), len(figure.Colours))] {
		if err := addLine(p, smooth(k.points, how.keep), figure.Colours[i], vg.Points(1.6), k.name); err != nil {
			return err
		}
	}
	p.Y.Min = min(p.Y.Min, 0)
	p.Y.Max += (p.Y.Max - p.Y.Min) * 0.05
	return figure.Write(path, 9*vg.Inch, 5.5*vg.Inch, p)
}

// addLine adds a line, with its points marked while they are few.
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

// smooth is the exponential mean, corrected for its start as Adam's moments are.
func smooth(points plotter.XYs, keep float64) plotter.XYs {
	out := make(plotter.XYs, len(points))
	var mean, weight float64
	for i, p := range points {
		mean = keep*mean + (1-keep)*p.Y
		weight = keep*weight + (1 - keep)
		out[i] = plotter.XY{X: p.X, Y: mean / weight}
	}
	return out
}
