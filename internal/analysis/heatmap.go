package analysis

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// heatmapClasses is the maximum number of classes of a heat map.
const heatmapClasses = 25

// confusionChart draws the confusion matrix, with rows normalised to 1. If there are too many classes, those with most confusions are
// shown.
func (a *Analysis) confusionChart() ([]byte, error) {
	k := len(a.Classes)
	shown := make([]int, k)
	for i := range shown {
		shown[i] = i
	}
	title := fmt.Sprintf("What objects are taken for (IoU %.2f, score from %.3f)", a.matrix.IoU, a.matrix.Score)
	if k > heatmapClasses {
		slices.SortStableFunc(shown, func(i, j int) int { return cmp.Compare(a.matrix.confusions(j), a.matrix.confusions(i)) })
		shown = shown[:heatmapClasses]
		slices.Sort(shown)
		title += fmt.Sprintf(", the %d most confused of %d classes", heatmapClasses, k)
	}
	p := newChart(title, "detected as", "object")
	cells := append(slices.Clone(shown), k)
	n := len(cells)
	var marks plotter.XYLabels
	var styles []bool
	for y, i := range cells {
		total := 0
		for _, v := range a.matrix.Count[i] {
			total += v
		}
		for x, j := range cells {
			v := a.matrix.Count[i][j]
			share := 0.0
			if total > 0 {
				share = float64(v) / float64(total)
			}
			if err := addCell(p, float64(x), float64(n-1-y), heat(share)); err != nil {
				return nil, err
			}
			if v > 0 {
				marks.XYs = append(marks.XYs, plotter.XY{X: float64(x), Y: float64(n - 1 - y)})
				marks.Labels = append(marks.Labels, fmt.Sprint(v))
				styles = append(styles, share > 0.55)
			}
		}
	}
	if err := addMarks(p, marks, styles, n); err != nil {
		return nil, err
	}
	names := make([]string, 0, n)
	for _, i := range shown {
		names = append(names, shorten(a.Classes[i].Name))
	}
	columns, rows := append(slices.Clone(names), "(missed)"), append(names, "(nothing)")
	slices.Reverse(rows)
	p.NominalX(columns...)
	p.NominalY(rows...)
	p.X.Tick.Length, p.Y.Tick.Length = 0, 0
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size = 10, 10
	if n > 6 {
		p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = 0.9, text.XRight, text.YTop
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.5, float64(n)-0.5, -0.5, float64(n)-0.5
	side := vg.Length(max(4.5, 2+0.34*float64(n)))
	return encode(p, (side+1)*vg.Inch, side*vg.Inch)
}

// confusions counts the confusions of a class with other classes.
func (m *ConfusionMatrix) confusions(class int) int {
	sum := 0
	for i := range m.Count[:len(m.Count)-1] {
		if i != class {
			sum += m.Count[i][class] + m.Count[class][i]
		}
	}
	return sum
}

func shorten(name string) string {
	if r := []rune(name); len(r) > 18 {
		return string(r[:17]) + "…"
	}
	return name
}

// heat is a colour map from white to dark blue.
func heat(share float64) color.RGBA {
	mix := func(to uint8) uint8 { return uint8(255 - share*float64(255-to)) }
	return color.RGBA{mix(8), mix(64), mix(129), 255}
}

func addCell(p *plot.Plot, x, y float64, c color.Color) error {
	square, err := plotter.NewPolygon(plotter.XYs{{X: x - 0.5, Y: y - 0.5}, {X: x + 0.5, Y: y - 0.5}, {X: x + 0.5, Y: y + 0.5}, {X: x - 0.5, Y: y + 0.5}})
	if err != nil {
		return err
	}
	square.Color, square.LineStyle.Color, square.LineStyle.Width = c, color.Gray{225}, vg.Points(0.4)
	p.Add(square)
	return nil
}

// addMarks writes the counts into the cells, in white on dark cells.
func addMarks(p *plot.Plot, marks plotter.XYLabels, dark []bool, n int) error {
	if len(marks.Labels) == 0 {
		return nil
	}
	texts, err := plotter.NewLabels(marks)
	if err != nil {
		return err
	}
	for i := range texts.TextStyle {
		style := &texts.TextStyle[i]
		style.Font.Size, style.XAlign, style.YAlign = 10, text.XCenter, text.YCenter
		if n > 12 {
			style.Font.Size = 7
		}
		if dark[i] {
			style.Color = color.White
		}
	}
	p.Add(texts)
	return nil
}
