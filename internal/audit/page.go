package audit

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"

	"scalenet/geom"
	"scalenet/imaging"
)

const (
	pageFile = "audit.html"
	listFile = "audit.json"
)

// Files are the names of the files that [Report.Write] writes.
func Files() []string { return []string{pageFile, listFile} }

//go:embed audit.html.tmpl
var pageTemplate string

// Write writes audit.html, a page with a picture of every proposal, and audit.json to a folder.
func (r *Report) Write(dir string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, listFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	var page bytes.Buffer
	if err := r.page(&page); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, pageFile), page.Bytes(), 0o644)
}

// shown is a proposal with its number and picture.
type shown struct {
	Proposal
	Number  int
	Picture template.URL
	Failed  string // why there is no picture
}

func (r *Report) page(to *bytes.Buffer) error {
	list := make([]shown, len(r.Proposals))
	order := make([]int, len(list)) // by image, so that each is decoded once
	for i, p := range r.Proposals {
		list[i], order[i] = shown{Proposal: p, Number: i + 1}, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return list[a].image - list[b].image })
	var full *imaging.Image
	var failed error
	last := -1
	for _, i := range order {
		if p := &list[i]; p.image != last {
			last = p.image
			full, failed = imaging.Load(r.data.ImagePath(last), imaging.Limits{})
		}
		if failed != nil {
			list[i].Failed = fmt.Sprintf("%.200s", failed.Error())
			continue
		}
		jpeg, err := picture(full, &list[i].Proposal)
		if err != nil {
			return fmt.Errorf("%s: %w", list[i].File, err)
		}
		list[i].Picture = template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(jpeg))
	}
	t, err := template.New(pageFile).Parse(pageTemplate)
	if err != nil {
		return err
	}
	return t.Execute(to, struct {
		*Report
		List []shown
	}{r, list})
}

// side is the size of a picture on the page in pixels.
const side = 360

// edges are those of a box.
type edges struct{ left, top, right, bottom float64 }

// edgesOf returns the edges of a box, at most the size of the image outside of it: any finite number may be in a file.
func edgesOf(box [4]float64, full *imaging.Image) edges {
	w, h := float64(full.W), float64(full.H)
	x := func(v float64) float64 { return min(max(v, -w), 2*w) }
	y := func(v float64) float64 { return min(max(v, -h), 2*h) }
	return edges{x(box[0]), y(box[1]), x(box[0] + box[2]), y(box[1] + box[3])}
}

// picture returns the part of an image around a proposal as JPEG, with the box of the label and that of the model.
func picture(full *imaging.Image, p *Proposal) ([]byte, error) {
	boxes := []edges{edgesOf(p.Proposed, full)}
	if p.Box != nil {
		boxes = append(boxes, edgesOf(*p.Box, full))
	}
	all := boxes[0]
	for _, b := range boxes[1:] {
		all = edges{min(all.left, b.left), min(all.top, b.top), max(all.right, b.right), max(all.bottom, b.bottom)}
	}
	size := max(all.right-all.left, all.bottom-all.top, 32) * 1.8 // with what is around it
	x, y := int(max((all.left+all.right-size)/2, 0)), int(max((all.top+all.bottom-size)/2, 0))
	x, y = min(x, full.W-1), min(y, full.H-1)
	w, h := max(1, min(int(size), full.W-x)), max(1, min(int(size), full.H-y))
	part := full.Crop(x, y, w, h)
	scale := float64(side) / float64(max(w, h))
	part, err := part.Resize(max(1, int(float64(w)*scale)), max(1, int(float64(h)*scale)))
	if err != nil {
		return nil, err
	}
	var marks []imaging.Annotation
	for i, b := range boxes {
		box := geom.Box{X1: float32((b.left - float64(x)) * scale), Y1: float32((b.top - float64(y)) * scale),
			X2: float32((b.right - float64(x)) * scale), Y2: float32((b.bottom - float64(y)) * scale)}
		text := fmt.Sprintf("model: %s %.2f", p.Class, p.Score)
		if i == 1 {
			text = "label: " + p.Label
		}
		marks = append(marks, imaging.Annotation{Box: box, Text: text, Class: i + 1})
	}
	if err := part.Draw(marks...); err != nil {
		return nil, err
	}
	return part.Encode(".jpg")
}
