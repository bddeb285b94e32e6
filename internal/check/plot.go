package check

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"scalenet/internal/figure"
)

// The charts.
const (
	sizesPNG   = "sizes.png"
	classesPNG = "classes.png"
)

// PlotFiles are the names of the files that [Report.Plot] writes.
func PlotFiles() []string { return []string{sizesPNG, classesPNG} }

// Plot draws the histogram of box sizes (sizes.png) and the objects of each class (classes.png) into a folder, which is created.
// A chart without data is not written.
func (r *Report) Plot(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if r.Sides.Boxes > 0 {
		if err := r.plotSizes(filepath.Join(dir, sizesPNG)); err != nil {
			return err
		}
	}
	if len(r.Classes) > 0 {
		return r.plotClasses(filepath.Join(dir, classesPNG))
	}
	return nil
}

const width = 9 * vg.Inch // of the charts

// binsPerOctave of the histogram.
const binsPerOctave = 4

// plotSizes draws a histogram of box sizes on a logarithmic axis, in pixels of the images and of the model input.
func (r *Report) plotSizes(path string) error {
	p := figure.New(fmt.Sprintf("Sizes of %d boxes", r.Sides.Boxes),
		"side of the box (square root of its area) in pixels; dashed: 32 and 96, COCO's bounds", "boxes")
	all := slices.Concat(r.sides.image, r.sides.network)
	low, high := bin(slices.Min(all)), bin(slices.Max(all))+1
	for i, s := range []struct {
		name   string
		values []float32
	}{{"in the images", r.sides.image}, {fmt.Sprintf("in the network at %d/%d", r.Sides.Shorter, r.Sides.Longest), r.sides.network}} {
		counts := make([]float64, high-low)
		for _, v := range s.values {
			counts[bin(v)-low]++
		}
		line, err := plotter.NewLine(steps(counts, low))
		if err != nil {
			return err
		}
		line.Width, line.Color = vg.Points(2), figure.Colours[i+1]
		line.FillColor = ink(i+1, 70)
		p.Add(line)
		p.Legend.Add(s.name, line)
	}
	p.X.Min, p.X.Max, p.Y.Min = float64(low)/binsPerOctave, float64(high)/binsPerOctave, 0
	p.Y.Max *= 1.08
	for _, bound := range []float64{32, 96} { // COCO's small, medium, large
		if x := math.Log2(bound); x > p.X.Min && x < p.X.Max {
			line, err := plotter.NewLine(plotter.XYs{{X: x, Y: 0}, {X: x, Y: p.Y.Max}})
			if err != nil {
				return err
			}
			line.Dashes, line.Color = []vg.Length{vg.Points(4), vg.Points(3)}, color.Gray{90}
			p.Add(line)
		}
	}
	p.X.Tick.Marker = plot.TickerFunc(octaves)
	p.Legend.Top = true
	return figure.Write(path, width, 5.5*vg.Inch, p)
}

func bin(side float32) int { return int(math.Floor(math.Log2(float64(side)) * binsPerOctave)) }

// steps is the outline of the bars.
func steps(counts []float64, low int) (line plotter.XYs) {
	at := func(i int) float64 { return float64(low+i) / binsPerOctave }
	line = append(line, plotter.XY{X: at(0)})
	for i, n := range counts {
		line = append(line, plotter.XY{X: at(i), Y: n}, plotter.XY{X: at(i + 1), Y: n})
	}
	return append(line, plotter.XY{X: at(len(counts))})
}

// octaves marks powers of two, with COCO's bounds of 32 and 96.
func octaves(low, high float64) (marks []plot.Tick) {
	for e := math.Ceil(low); e <= high; e++ {
		marks = append(marks, plot.Tick{Value: e, Label: strconv.FormatFloat(math.Exp2(e), 'g', 5, 64)})
	}
	return marks
}

// maxBars is the maximum number of bars; further classes are summed in one bar.
const maxBars = 80

// plotClasses draws one bar per class, the most frequent on top.
func (r *Report) plotClasses(path string) error {
	classes := r.Classes[:min(len(r.Classes), maxBars)]
	title := "Objects of each class"
	if len(classes) < len(r.Classes) {
		title = fmt.Sprintf("Objects of the %d most frequent of %d classes", len(classes), len(r.Classes))
	}
	p := figure.New(title, "objects", "")
	values, names := make(plotter.Values, len(classes)), make([]string, len(classes))
	for i, k := range classes {
		at := len(classes) - 1 - i
		values[at], names[at] = float64(k.Objects), fmt.Sprintf("%.24s", k.Name)
	}
	bars, err := plotter.NewBarChart(values, vg.Points(9))
	if err != nil {
		return err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, figure.Colours[1], 0
	p.Add(bars)
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, max(p.X.Max, 1)*1.12
	labels := plotter.XYLabels{}
	for at, v := range values {
		labels.XYs = append(labels.XYs, plotter.XY{X: v, Y: float64(at)})
		labels.Labels = append(labels.Labels, strconv.Itoa(int(v)))
	}
	counts, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	counts.Offset = vg.Point{X: 4, Y: -3.5}
	p.Add(counts)
	return figure.Write(path, width, max(2*vg.Inch, vg.Length(len(classes))*vg.Points(14)+1.2*vg.Inch), p)
}

// ink returns a colour with the given alpha.
func ink(i int, alpha uint8) color.Color {
	c := figure.Colours[i]
	return color.NRGBA{c.R, c.G, c.B, alpha}
}
