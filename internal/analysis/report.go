package analysis

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/imaging"
)

// The files of a report.
const (
	reportHTML = "report.html"
	reportJSON = "report.json"
	curvesPNG  = "precision_recall.png"
	sizesPNG   = "sizes.png"
	errorsPNG  = "errors.png"
	confusePNG = "confusion.png"
)

// ReportFiles are the names of the files that [Analysis.WriteReport] writes.
func ReportFiles() []string {
	return []string{reportHTML, reportJSON, curvesPNG, sizesPNG, errorsPNG, confusePNG}
}

//go:embed report.html.tmpl
var reportTemplate string

// WriteReport writes report.html (self-contained), report.json and the charts as PNG to a folder. The report shows the worst images
// with the most mistakes. An existing report is an error.
func (a *Analysis) WriteReport(dir string, worst int) error {
	for _, name := range []string{reportHTML, reportJSON} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: already exists", filepath.Join(dir, name))
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	page := page{Analysis: a}
	for _, c := range []struct {
		name string
		draw func() ([]byte, error)
		into *template.URL
	}{
		{curvesPNG, a.curveChart, &page.Charts.Curves},
		{sizesPNG, a.sizeChart, &page.Charts.Sizes},
		{errorsPNG, a.errorChart, &page.Charts.Errors},
		{confusePNG, a.confusionChart, &page.Charts.Confusion},
	} {
		png, err := c.draw()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if err := writeFile(filepath.Join(dir, c.name), png); err != nil {
			return err
		}
		*c.into = dataURL("image/png", png)
	}
	if err := page.addImages(worst); err != nil {
		return err
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, reportJSON), append(text, '\n')); err != nil {
		return err
	}
	var html bytes.Buffer
	if err := page.execute(&html); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, reportHTML), html.Bytes())
}

// ReportPath returns the path of the HTML report in a folder.
func ReportPath(dir string) string { return filepath.Join(dir, reportHTML) }

func writeFile(path string, data []byte) error {
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// dataURL embeds a file in the page.
func dataURL(kind string, data []byte) template.URL {
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data))
}

// page is the data of the template.
type page struct {
	*Analysis
	Charts struct{ Curves, Sizes, Errors, Confusion template.URL }
	Worst  []drawnImage
	Blank  int // of the images, those without a file
}

type drawnImage struct {
	Image
	Drawing template.URL
}

func (p *page) addImages(worst int) error {
	for _, m := range p.PerImage[:min(worst, len(p.PerImage))] {
		if m.Mistakes() == 0 {
			break
		}
		image, err := p.Draw(m.index)
		if err != nil {
			return err
		}
		jpeg, err := image.Encode(".jpg")
		if err != nil {
			return err
		}
		if p.imagePath(m.index) == "" {
			p.Blank++
		}
		p.Worst = append(p.Worst, drawnImage{m, dataURL("image/jpeg", jpeg)})
	}
	return nil
}

func (p *page) execute(w io.Writer) error {
	t, err := template.New(reportHTML).Funcs(template.FuncMap{
		"figure": func(v float64) string {
			if v < 0 {
				return "–"
			}
			return strconv.FormatFloat(v, 'f', 3, 64)
		},
		"percent": func(v float64) string { return strconv.FormatFloat(100*max(v, 0), 'f', 1, 64) },
		"base":    filepath.Base,
	}).Parse(reportTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

// KeyEntry is a colour of boxes with its meaning, for the template.
type KeyEntry struct{ Name, Colour string }

// Key returns the colours that Draw uses.
func (p *page) Key() (list []KeyEntry) {
	for _, k := range []struct {
		name   string
		colour int
	}{{"found", foundColour}, {"false detection", falseColour}, {"missed", missedColour}, {"ignored", ignoredColour}} {
		c := imaging.ClassColor(k.colour)
		list = append(list, KeyEntry{k.name, fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)})
	}
	return list
}

// NamedFigure is a metric with its name, for the template.
type NamedFigure struct {
	Name  string
	Value float64
}

// Figures returns the twelve metrics.
func (p *page) Figures() (list []NamedFigure) {
	for i, name := range coco.StatNames() {
		list = append(list, NamedFigure{name, p.Stats[i]})
	}
	return list
}

// TableStats returns the metrics after AP in a table row: AP50, AP75, small, medium, large, AR100, VOC 2007.
func (c Class) TableStats() []float64 {
	return append(append([]float64{}, c.Stats[1:6]...), c.Stats[8], c.VOC.ElevenPoints)
}
