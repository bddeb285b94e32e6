package analysis

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// chartColours are the colours of Okabe and Ito, which are distinct for colour-blind readers.
func chartColours() []color.RGBA {
	return []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255},
		{86, 180, 233, 255}, {0, 0, 0, 255}}
}

// newChart returns a chart without data.
func newChart(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Size, p.Title.Padding = 14, 8
	p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size = 12, 12
	p.Legend.TextStyle.Font.Size = 12
	p.Legend.Padding, p.Legend.XOffs = 3, -6
	return p
}

func addGrid(p *plot.Plot, vertical bool) {
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{220}, color.Gray{220}
	if !vertical {
		grid.Vertical.Width = 0
	}
	p.Add(grid)
}

// encode draws a chart as PNG.
func encode(p *plot.Plot, width, height vg.Length) ([]byte, error) {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(110))}
	const margin = 10 * vg.Millimeter / 3
	p.Draw(draw.Crop(draw.New(canvas), margin, -2*margin, margin, -margin))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unit labels 0, 0.1, ..., 1.
func unit(step float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i := 0; float64(i)*step <= 1+1e-9; i++ {
		ticks = append(ticks, plot.Tick{Value: float64(i) * step, Label: strconv.FormatFloat(float64(i)*step, 'g', 3, 64)})
	}
	return ticks
}

// curveChart shows precision over recall at several IoUs.
func (a *Analysis) curveChart() ([]byte, error) {
	p := newChart("Precision over recall, mean of the classes", "recall", "precision")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1.45, 0, 1.02 // the legend is right of the curves
	p.X.Tick.Marker, p.Y.Tick.Marker = unit(0.1), unit(0.1)
	addGrid(p, true)
	p.Legend.Top = true
	colours := chartColours()
	for i, c := range a.Curves {
		points := make(plotter.XYs, len(c.Precision))
		sum := 0.0
		for r, v := range c.Precision {
			points[r] = plotter.XY{X: float64(r) / float64(len(points)-1), Y: v}
			sum += v
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("IoU %.2f: AP %.3f", c.IoU, sum/float64(len(points)))
		line.Color, line.Width = colours[i%len(colours)], vg.Points(1.8)
		if c.IoU == 0 {
			name = fmt.Sprintf("IoU 0.50:0.95: AP %.3f", sum/float64(len(points)))
			line.Color, line.Width = color.Black, vg.Points(2.2)
			line.Dashes = []vg.Length{vg.Points(6), vg.Points(3)}
		}
		p.Add(line)
		p.Legend.Add(name, line)
	}
	return encode(p, 8*vg.Inch, 5.2*vg.Inch)
}

// bars adds one bar per category, with a text above each bar.
func bars(p *plot.Plot, values []float64, labels []string, width vg.Length, offset vg.Length, c color.Color) (*plotter.BarChart, error) {
	heights := make(plotter.Values, len(values))
	for i, v := range values {
		heights[i] = max(v, 0)
	}
	chart, err := plotter.NewBarChart(heights, width)
	if err != nil {
		return nil, err
	}
	chart.Color, chart.LineStyle.Width, chart.Offset = c, 0, offset
	p.Add(chart)
	points := make(plotter.XYs, len(values))
	for i, v := range heights {
		points[i] = plotter.XY{X: float64(i), Y: v}
	}
	texts, err := plotter.NewLabels(plotter.XYLabels{XYs: points, Labels: labels})
	if err != nil {
		return nil, err
	}
	for i := range texts.TextStyle {
		texts.TextStyle[i].Font.Size = 10
		texts.TextStyle[i].XAlign, texts.TextStyle[i].YAlign = text.XCenter, text.YBottom
	}
	texts.Offset = vg.Point{X: offset, Y: 3}
	p.Add(texts)
	return chart, nil
}

// errorChart shows the AP50 lost by each type of error.
func (a *Analysis) errorChart() ([]byte, error) {
	p := newChart(fmt.Sprintf("AP at IoU 0.5 that each kind of error costs (it is %.3f); below, the number of errors", a.Errors.AP50),
		"", "AP at IoU 0.5")
	addGrid(p, false)
	labels := make([]string, numKinds)
	for kind, n := range a.Errors.Count {
		labels[kind] = fmt.Sprintf("%.3f\n%d", a.Errors.Loss[kind], n)
	}
	if _, err := bars(p, a.Errors.Loss[:], labels, vg.Points(48), 0, chartColours()[0]); err != nil {
		return nil, err
	}
	names := KindNames()
	p.NominalX(names[:]...)
	p.X.Tick.Label.Font.Size, p.X.Tick.Length = 11, 0
	p.Y.Min = 0
	p.Y.Max = max(0.01, maxOf(a.Errors.Loss[:])*1.2)
	return encode(p, 8*vg.Inch, 4*vg.Inch)
}

func maxOf(values []float64) float64 {
	most := math.Inf(-1)
	for _, v := range values {
		most = max(most, v)
	}
	return most
}

// sizeChart shows AP and AR by object size.
func (a *Analysis) sizeChart() ([]byte, error) {
	p := newChart("By size of the objects", "square root of the area, pixels (below: number of objects)", "")
	addGrid(p, false)
	var ap, ar []float64
	var apLabels, arLabels, names []string
	label := func(v float64) string {
		if v < 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", v)
	}
	for i, s := range a.Sizes {
		name := fmt.Sprintf("%g to %g", s.From, s.To)
		if i == len(a.Sizes)-1 {
			name = fmt.Sprintf("from %g", s.From)
		}
		names = append(names, fmt.Sprintf("%s\n(%d)", name, s.Objects))
		ap, ar = append(ap, s.AP), append(ar, s.AR)
		apLabels, arLabels = append(apLabels, label(s.AP)), append(arLabels, label(s.AR))
	}
	colours := chartColours()
	const width = 24
	first, err := bars(p, ap, apLabels, vg.Points(width), vg.Points(-width/2), colours[0])
	if err != nil {
		return nil, err
	}
	second, err := bars(p, ar, arLabels, vg.Points(width), vg.Points(width/2), colours[4])
	if err != nil {
		return nil, err
	}
	p.Legend.Add("AP", first)
	p.Legend.Add("AR, 100 detections", second)
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, 8
	p.NominalX(names...)
	p.X.Tick.Label.Font.Size, p.X.Tick.Length, p.X.Label.Padding = 10, 0, 6
	p.Y.Tick.Marker = unit(0.2)
	p.Y.Min, p.Y.Max = 0, 1.2
	return encode(p, 8*vg.Inch, 4*vg.Inch)
}
