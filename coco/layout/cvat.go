package layout

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"

	"scalenet/checkpoint"
	"scalenet/coco"
)

// CVAT writes the parts in the format "CVAT for images 1.1": <part>.xml with the images in images/<part>, where datumaro looks for them. The flags are
// attributes of the labels, which CVAT shows as checkboxes.
func (w *Writer) CVAT(ctx context.Context, dir string, parts []Part) error {
	if err := w.splitFolders("CVAT", parts, ""); err != nil {
		return err
	}
	if err := checkXML(parts); err != nil {
		return err
	}
	file := func(part string) string { return part + ".xml" }
	return w.oneFile(ctx, dir, parts, oneFile{file: file, write: func(p Part, file string, images []namedImage) error {
		return checkpoint.WriteAtomic(file, func(to io.Writer) error {
			out := bufio.NewWriter(to)
			if err := w.cvat(out, p, images); err != nil {
				return err
			}
			return out.Flush()
		})
	}})
}

type cvatTask struct {
	XMLName xml.Name    `xml:"meta"`
	Name    string      `xml:"task>name"`
	Size    int         `xml:"task>size"`
	Mode    string      `xml:"task>mode"`
	Labels  []cvatLabel `xml:"task>labels>label"`
}

type cvatLabel struct {
	Name       string          `xml:"name"`
	Attributes []cvatAttribute `xml:"attributes>attribute"`
}

type cvatAttribute struct {
	Name    string `xml:"name"`
	Mutable string `xml:"mutable"`
	Input   string `xml:"input_type"`
	Default string `xml:"default_value"`
	Values  string `xml:"values"`
}

type cvatImage struct {
	XMLName xml.Name  `xml:"image"`
	ID      int       `xml:"id,attr"`
	Name    string    `xml:"name,attr"`
	Width   int       `xml:"width,attr"`
	Height  int       `xml:"height,attr"`
	Boxes   []cvatBox `xml:"box"`
}

type cvatBox struct {
	Label    string     `xml:"label,attr"`
	Source   string     `xml:"source,attr"`
	Occluded int        `xml:"occluded,attr"`
	Left     string     `xml:"xtl,attr"`
	Top      string     `xml:"ytl,attr"`
	Right    string     `xml:"xbr,attr"`
	Bottom   string     `xml:"ybr,attr"`
	ZOrder   int        `xml:"z_order,attr"`
	Flags    []cvatFlag `xml:"attribute"`
}

type cvatFlag struct {
	Name  string `xml:"name,attr"`
	Value string `xml:",chardata"`
}

func (w *Writer) cvat(out io.Writer, p Part, images []namedImage) error {
	encode := xml.NewEncoder(out)
	encode.Indent("  ", "  ")
	if _, err := io.WriteString(out, xml.Header+"<annotations>\n  <version>1.1</version>\n"); err != nil {
		return err
	}
	used := cvatFlags(p.Data)
	meta := cvatTask{Name: p.Name, Size: len(images), Mode: "annotation"}
	for _, c := range p.Data.Categories {
		meta.Labels = append(meta.Labels, cvatLabel{Name: className(c), Attributes: used})
	}
	if err := encode.Encode(meta); err != nil {
		return err
	}
	for id, image := range images {
		m, err := w.cvatImage(p.Data, image, id, used)
		if err != nil {
			return err
		}
		if err := encode.Encode(m); err != nil {
			return fmt.Errorf("%s: images[%d]: %w", p.Data.Path, image.i, err)
		}
	}
	_, err := io.WriteString(out, "\n</annotations>\n")
	return err
}

// cvatFlags returns the flags that objects of the data set have, as attributes of labels.
func cvatFlags(d *coco.Dataset) (used []cvatAttribute) {
	has := make(map[string]bool)
	for i := range d.Annotations {
		for name := range setFlags(&d.Annotations[i]) {
			has[name] = true
		}
	}
	for _, name := range []string{"difficult", "truncated", "iscrowd", "ignore"} {
		if has[name] {
			used = append(used, cvatAttribute{Name: name, Mutable: "False", Input: "checkbox", Default: "false", Values: "false"})
		}
	}
	return used
}

func (w *Writer) cvatImage(d *coco.Dataset, image namedImage, id int, used []cvatAttribute) (*cvatImage, error) {
	s, err := size(d, image.i)
	if err != nil {
		return nil, err
	}
	if !isXML(image.path) {
		return nil, fmt.Errorf("%s: images[%d].file_name: %q has a character which XML cannot hold", d.Path, image.i, d.Images[image.i].FileName)
	}
	m := &cvatImage{ID: id, Name: filepath.Base(image.path), Width: s.W, Height: s.H}
	for _, at := range d.Objects(image.i) {
		a := &d.Annotations[at]
		if w.negative(d, at) {
			continue
		}
		b := cvatBox{Label: className(d.Categories[a.Class-1]), Source: "manual", Left: decimal(a.Box[0]), Top: decimal(a.Box[1]),
			Right: decimal(a.Box[0] + a.Box[2]), Bottom: decimal(a.Box[1] + a.Box[3])}
		set := setFlags(a)
		for _, flag := range used {
			b.Flags = append(b.Flags, cvatFlag{flag.Name, fmt.Sprint(set[flag.Name])})
		}
		m.Boxes = append(m.Boxes, b)
		w.wrote(b.Label)
	}
	return m, nil
}
