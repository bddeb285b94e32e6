// Package figure gives all charts the same style (frame, colours, ticks) and writes
// them as PNG.
package figure

import (
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"scalenet/checkpoint"
)

// Colours are the colours of Okabe and Ito, which are distinct for colour-blind
// readers.
var Colours = []color.RGBA{
	{0, 0, 0, 255}, {0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255},
	{204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255},
}

// Grid is the colour of grid lines.
var Grid = color.Gray{215}

// New returns a chart without data: a title, axis labels and a grid.
func New(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Size, p.Title.Padding = 14, 8
	p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size = 12, 12
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(Ticks), plot.TickerFunc(Ticks)
	p.Legend.TextStyle.Font.Size = 12
	p.Legend.Padding, p.Legend.XOffs = 3, -6
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = Grid, Grid
	p.Add(grid)
	return p
}

// Ticks places at most ten ticks, at multiples of 1, 2 or 5 times a power of ten.
func Ticks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(high-low))-1)
	for i := 0; (high-low)/step > 10; i++ {
		step *= []float64{2, 2.5, 2}[i%3]
	}
	var marks []plot.Tick
	for i := math.Ceil(low/step - 1e-9); i*step <= high+1e-9*step; i++ {
		value := i*step + 0 // the sum makes -0 a 0
		marks = append(marks, plot.Tick{Value: value, Label: strconv.FormatFloat(value, 'g', 6, 64)})
	}
	return marks
}

// Write draws charts below each other, with aligned axes, and writes the file
// atomically. Width and height are those of the whole file.
func Write(path string, width, height vg.Length, charts ...*plot.Plot) error {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(110))}
	const margin = 10 * vg.Millimeter / 3
	area := draw.Crop(draw.New(canvas), margin, -2*margin, margin, -margin)
	rows := make([][]*plot.Plot, len(charts))
	for i, p := range charts {
		rows[i] = []*plot.Plot{p}
	}
	tiles := plot.Align(rows, draw.Tiles{Rows: len(rows), Cols: 1, PadY: 2 * margin}, area)
	for i, p := range charts {
		p.Draw(tiles[i][0])
	}
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}
