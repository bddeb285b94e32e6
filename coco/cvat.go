package coco

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// cvatReader reads "CVAT for images 1.1": one XML file with all images of a task. It is read image by image.
type cvatReader struct {
	*records
	path   string
	limit  *io.LimitedReader
	dec    *xml.Decoder
	labels []string // of the task
	images int
	wants  func(subset string) bool
}

// cvatImage is the element of an image, with all that is in it.
type cvatImage struct {
	Name   string      `xml:"name,attr"`
	Width  string      `xml:"width,attr"`
	Height string      `xml:"height,attr"`
	Subset string      `xml:"subset,attr"`
	Shapes []cvatShape `xml:",any"`
}

type cvatShape struct {
	XMLName xml.Name
	Attrs   []xml.Attr  `xml:",any,attr"`
	Fields  []cvatField `xml:"attribute"`
}

// cvatField is an attribute that the labels of a task define.
type cvatField struct {
	Name string `xml:"name,attr"`
	Text string `xml:",chardata"`
}

// addCVAT reads a file. wants says of an image's subset, "" without one, whether it is of the split.
func (r *records) addCVAT(path string, wants func(subset string) bool) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("annotations: %w", err)
	}
	defer f.Close()
	err = r.readCVAT(f, path, wants)
	r.passed = false
	return err
}

func (r *records) readCVAT(src io.Reader, path string, wants func(subset string) bool) error {
	limit := &io.LimitedReader{R: src}
	c := &cvatReader{records: r, path: path, limit: limit, wants: wants}
	c.budget()
	c.dec = xml.NewDecoder(xmlText(limit))
	c.dec.CharsetReader = declaredText
	if err := c.document(); err != nil {
		if c.limit.N <= 0 {
			return fmt.Errorf("%s: more than %d bytes for images[%d]", path, maxAnnotationFile, c.images)
		}
		return err
	}
	return nil
}

// budget limits the bytes of the next image.
func (r *cvatReader) budget() { r.limit.N = maxAnnotationFile }

// document reads the file.
func (r *cvatReader) document() error {
	root, err := r.start()
	if err != nil {
		return err
	}
	if root.Name.Local != "annotations" {
		return fmt.Errorf("%s: the root element is %s, want \"annotations\"", r.path, cut(root.Name.Local))
	}
	for {
		r.budget()
		element, err := r.start()
		if errors.Is(err, errElementEnd) {
			break
		}
		if err != nil {
			return err
		}
		switch element.Name.Local {
		case "meta":
			err = r.meta()
		case "image":
			err = r.image(&element)
		case "track":
			line, _ := r.dec.InputPos()
			return fmt.Errorf("%s: line %d: track: this is CVAT for video, export the task as CVAT for images 1.1", r.path, line)
		default:
			err = r.syntax(r.dec.Skip())
		}
		if err != nil {
			return err
		}
	}
	if len(r.labels) > 0 {
		r.declared = append(r.declared, r.labels)
	}
	return nil
}

// errElementEnd is the end of an element where the start of one was looked for.
var errElementEnd = errors.New("end of the element")

// start returns the next element.
func (r *cvatReader) start() (xml.StartElement, error) {
	for {
		token, err := r.dec.Token()
		if err != nil {
			return xml.StartElement{}, r.syntax(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			return token, nil
		case xml.EndElement:
			return xml.StartElement{}, errElementEnd
		}
	}
}

func (r *cvatReader) syntax(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", r.path, xmlError(err, r.dec.InputOffset()))
}

// meta reads the names of the labels: task/labels/label/name, or those of a project or job.
func (r *cvatReader) meta() error {
	var open []string
	for {
		token, err := r.dec.Token()
		if err != nil {
			return r.syntax(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			r.budget()
			open = append(open, token.Name.Local)
		case xml.EndElement:
			if len(open) == 0 {
				return nil
			}
			open = open[:len(open)-1]
		case xml.CharData:
			n := len(open)
			if n >= 3 && open[n-1] == "name" && open[n-2] == "label" && open[n-3] == "labels" {
				if name := elementText(string(token)); name != "" && !slices.Contains(r.labels, name) {
					r.labels = append(r.labels, name)
				}
			}
		}
	}
}

// image reads an image and its shapes.
func (r *cvatReader) image(start *xml.StartElement) error {
	line, _ := r.dec.InputPos()
	var img cvatImage
	if err := r.dec.DecodeElement(&img, start); err != nil {
		return r.syntax(err)
	}
	at := r.images
	r.images++
	r.passed = !r.wants(img.Subset)
	rec := record{name: img.Name, place: fmt.Sprintf("line %d: image[%d]", line, at)}
	for _, side := range [...]struct {
		name, text string
		to         *int
	}{{"width", img.Width, &rec.width}, {"height", img.Height, &rec.height}} {
		v, err := strconv.Atoi(strings.TrimSpace(side.text))
		if side.text == "" {
			continue
		}
		if err != nil || v < 0 || v > math.MaxInt32 {
			if err := r.fault(fmt.Errorf("%s: %s.%s: %s is not a number of pixels", r.path, rec.place, side.name, cut(side.text))); err != nil {
				return err
			}
			continue
		}
		*side.to = v
	}
	if (rec.width == 0 || rec.height == 0) && !r.passed {
		r.opt.unsized(fmt.Errorf("%s: %s: %dx%d pixels, so the size of the image is taken", r.path, rec.place, rec.width, rec.height))
	}
	count := make(map[string]int)
	for i := range img.Shapes {
		s := &img.Shapes[i]
		place := fmt.Sprintf("%s.%s[%d]", rec.place, s.XMLName.Local, count[s.XMLName.Local])
		count[s.XMLName.Local]++
		o, err := r.shape(s, place)
		if err := r.take(&rec, r.path, place, o, err); err != nil {
			return err
		}
	}
	return r.add(r.path, &rec)
}

// shape returns the object of a shape, or nil if it is left out.
func (r *cvatReader) shape(s *cvatShape, place string) (*recordObject, error) {
	box, kind, err := s.box()
	if err != nil {
		return nil, err
	}
	if kind != "" {
		r.change(kind, "%s: %s", r.path, place)
	}
	if box == nil {
		return nil, nil
	}
	o := &recordObject{class: s.attr("label"), box: *box}
	if o.class == "" {
		return nil, inField("label", errMissing)
	}
	if len(r.labels) > 0 && !slices.Contains(r.labels, o.class) {
		return nil, inField("label", fmt.Errorf("%s is not a label of the task, these are %s", cut(o.class), cutList(r.labels)))
	}
	if err := r.known(o.class); err != nil {
		return nil, inField("label", err)
	}
	for _, f := range s.Fields {
		set := slices.Contains([]string{"true", "1"}, strings.ToLower(strings.TrimSpace(f.Text)))
		switch strings.ToLower(f.Name) {
		case "difficult":
			o.difficult = set
		case "truncated":
			o.truncated = set
		case "iscrowd", "is_crowd":
			o.crowd = set
		case "ignore":
			o.ignore = set
		}
	}
	return o, nil
}

// cvatSubsets returns the splits that the subsets of a file's images name. Nothing else is read of it, and errors end the search:
// reading the file returns them.
func cvatSubsets(path string) map[string]bool {
	has := make(map[string]bool)
	f, err := os.Open(path)
	if err != nil {
		return has
	}
	defer f.Close()
	dec := xml.NewDecoder(xmlText(f))
	dec.CharsetReader = declaredText
	for {
		token, err := dec.RawToken()
		if err != nil {
			return has
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "image" {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Local == "subset" {
				has[splitWord(a.Value)] = true
			}
		}
	}
}
