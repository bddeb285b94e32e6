package allocate

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"scalenet/backbone"
	"scalenet/internal/figure"
)

// The charts in a folder.
const (
	proportionsPNG = "proportions.png"
	receptivePNG   = "receptive.png"
	importancePNG  = "importance.png"
)

// PlotFiles returns the names of the files that [Allocation.Plot] may write.
func PlotFiles() []string { return []string{proportionsPNG, receptivePNG, importancePNG} }

const (
	width  = 9 * vg.Inch
	height = 5.2 * vg.Inch
)

// colour returns the colour of a scale.
func colour(scale int) color.Color { return figure.Colours[1+scale%(len(figure.Colours)-1)] }

func scaleName(scale, pool int) string {
	if pool == 1 {
		return fmt.Sprintf("scale %d (full)", scale+1)
	}
	return fmt.Sprintf("scale %d (1/%d)", scale+1, pool)
}

// Plot writes charts of the allocation to a folder:
//
//   - the proportion of neurons per scale and block, as in Figure 5 of the paper
//   - the theoretical receptive field per scale and block, as in Figure 6
//   - if there is a seed network, histograms of the importance of its neurons
func (a *Allocation) Plot(dir string) error {
	n, err := a.Config.New()
	if err != nil {
		return err
	}
	fields, err := ReceptiveFields(n.(*backbone.ScaleNet))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	blocks := n.(*backbone.ScaleNet).SABlocks()
	if err := plotProportions(filepath.Join(dir, proportionsPNG), blocks); err != nil {
		return err
	}
	if err := plotReceptive(filepath.Join(dir, receptivePNG), blocks, fields); err != nil || a.Seed == nil {
		return err
	}
	return a.plotImportance(filepath.Join(dir, importancePNG))
}

// plotProportions draws one stacked bar per block.
func plotProportions(path string, blocks []backbone.SABlock) error {
	p := blockFrame("Neurons per scale and block", "proportion of neurons", blocks)
	p.Y.Min, p.Y.Max = 0, 1
	bar := vg.Length(float64(width)*0.62) / vg.Length(len(blocks))
	var stack *plotter.BarChart
	for l, s := range blocks[0].Scales {
		proportions := make(plotter.Values, len(blocks))
		for k, b := range blocks {
			sum := 0
			for _, t := range b.Scales {
				sum += t.Neurons
			}
			proportions[k] = float64(b.Scales[l].Neurons) / float64(sum)
		}
		bars, err := plotter.NewBarChart(proportions, bar)
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width, bars.XMin = colour(l), 0, 1
		if stack != nil {
			bars.StackOn(stack)
		}
		stack = bars
		p.Add(bars)
		p.Legend.Add(scaleName(l, s.Pool), bars)
	}
	addStages(p, blocks)
	return figure.Write(path, width, height, p)
}

// plotReceptive draws one line per scale, with a marker for each block that has neurons
// at the scale.
func plotReceptive(path string, blocks []backbone.SABlock, fields [][]int) error {
	p := blockFrame("Theoretical receptive field per scale and block", "receptive field (pixels)", blocks)
	p.Y.Min = 0
	radius := vg.Points(min(1, 30/float64(len(blocks))))
	for l, s := range slices.Backward(blocks[0].Scales) { // fine scales in front
		var points plotter.XYs
		for k := range blocks {
			if fields[k][l] > 0 {
				points = append(points, plotter.XY{X: float64(k + 1), Y: float64(fields[k][l])})
				p.Y.Max = max(p.Y.Max, 1.04*float64(fields[k][l]))
			}
		}
		if len(points) == 0 {
			continue
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colour(l), vg.Points(1.2)
		marks.Color, marks.Radius, marks.Shape = colour(l), radius*(2.2+vg.Length(l)), draw.CircleGlyph{}
		p.Add(line, marks)
		p.Legend.Add(scaleName(l, s.Pool), line, marks)
	}
	addStages(p, blocks)
	return figure.Write(path, width, height, p)
}

// blockFrame returns an empty chart with the blocks on the x axis, and room for the
// legend at the right.
func blockFrame(title, y string, blocks []backbone.SABlock) *plot.Plot {
	p := figure.New(title, "block", y)
	every := (len(blocks) + 24) / 25
	var marks []plot.Tick
	for k := 1; k <= len(blocks); k++ {
		label := ""
		if k%every == 0 || k == 1 {
			label = strconv.Itoa(k)
		}
		marks = append(marks, plot.Tick{Value: float64(k), Label: label})
	}
	p.X.Tick.Marker = plot.ConstantTicks(marks)
	p.X.Min, p.X.Max = 0.4, float64(len(blocks))*1.24+0.6
	p.Legend.Top = true
	return p
}

// addStages draws lines between the stages, and their names above the data.
func addStages(p *plot.Plot, blocks []backbone.SABlock) {
	top := p.Y.Max
	p.Y.Max = top * 1.08
	var names plotter.XYLabels
	for from := 0; from < len(blocks); {
		to := from
		for to < len(blocks) && blocks[to].Stage == blocks[from].Stage {
			to++
		}
		names.XYs = append(names.XYs, plotter.XY{X: float64(from+to+1) / 2, Y: top * 1.02})
		names.Labels = append(names.Labels, fmt.Sprintf("stage %d", blocks[from].Stage))
		if line, err := plotter.NewLine(plotter.XYs{{X: float64(to) + 0.5, Y: 0}, {X: float64(to) + 0.5, Y: p.Y.Max}}); err == nil {
			line.Color, line.Dashes = color.Gray{90}, []vg.Length{vg.Points(4), vg.Points(3)}
			p.Add(line)
		}
		from = to
	}
	size := vg.Points(11)
	if len(blocks) > 36 {
		size = vg.Points(9)
	}
	if labels, err := plotter.NewLabels(names); err == nil {
		for i := range labels.TextStyle {
			labels.TextStyle[i].XAlign, labels.TextStyle[i].Font.Size = draw.XCenter, size
		}
		p.Add(labels)
	}
}

// plotImportance draws one histogram per scale, over all blocks of the seed network.
// Kept neurons are coloured.
func (a *Allocation) plotImportance(path string) error {
	most := 0.0
	for _, block := range a.Seed.Importance {
		for _, values := range block {
			if len(values) > 0 {
				most = max(most, slices.Max(values))
			}
		}
	}
	if most == 0 {
		most = 1
	}
	var charts []*plot.Plot
	for l, s := range a.Blocks[0].Scales {
		p, err := a.histogram(l, most)
		if err != nil {
			return err
		}
		p.Title.Text = scaleName(l, s.Pool)
		p.Title.TextStyle.Font.Size, p.Title.Padding = 12, 3
		charts = append(charts, p)
	}
	charts[len(charts)-1].X.Label.Text = a.Seed.Measure.label()
	return figure.Write(path, width, vg.Length(len(charts))*1.75*vg.Inch+0.4*vg.Inch, charts...)
}

// histogram draws the histogram of a scale, with bins from 0 to the largest importance.
func (a *Allocation) histogram(scale int, most float64) (*plot.Plot, error) {
	const bins = 60
	all, kept := make([]plotter.HistogramBin, bins), make([]plotter.HistogramBin, bins)
	for i := range bins {
		low, high := most*float64(i)/bins, most*float64(i+1)/bins
		all[i], kept[i] = plotter.HistogramBin{Min: low, Max: high}, plotter.HistogramBin{Min: low, Max: high}
	}
	for k, block := range a.Seed.Importance {
		for c, v := range block[scale] {
			i := min(int(v/most*bins), bins-1)
			all[i].Weight++
			if a.Blocks[k].kept[scale][c] {
				kept[i].Weight++
			}
		}
	}
	p := figure.New("", "", "number of neurons")
	p.Y.Tick.Marker = plot.TickerFunc(fewTicks)
	p.Legend.Top = true
	for _, h := range []struct {
		name string
		bins []plotter.HistogramBin
		fill color.Color
	}{{"seed network", all, color.Gray{195}}, {"kept", kept, colour(scale)}} {
		bars := &plotter.Histogram{Bins: h.bins, Width: most / bins, FillColor: h.fill}
		p.Add(bars)
		p.Legend.Add(h.name, bars)
	}
	p.X.Min, p.X.Max, p.Y.Min = 0, most, 0
	p.Y.Max = max(p.Y.Max, 1) * 1.05
	return p, nil
}

// fewTicks labels only every other tick if there are many, for a chart of small height.
func fewTicks(low, high float64) []plot.Tick {
	marks := figure.Ticks(low, high)
	for i := range marks {
		if len(marks) > 6 && i%2 == 1 {
			marks[i].Label = ""
		}
	}
	return marks
}
