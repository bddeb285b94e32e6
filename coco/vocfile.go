package coco

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// vocFile is the annotation of one image. Its fields are parsed later, so that one invalid value is one fault.
type vocFile struct {
	XMLName  xml.Name
	FileName string      `xml:"filename"`
	Width    string      `xml:"size>width"`
	Height   string      `xml:"size>height"`
	Objects  []vocObject `xml:"object"`
}

type vocObject struct {
	Name      string  `xml:"name"`
	Difficult string  `xml:"difficult"`
	Truncated string  `xml:"truncated"`
	Crowd     string  `xml:"iscrowd"`
	Ignore    string  `xml:"ignore"`
	Box       *vocBox `xml:"bndbox"`
}

type vocBox struct {
	XMin string `xml:"xmin"`
	YMin string `xml:"ymin"`
	XMax string `xml:"xmax"`
	YMax string `xml:"ymax"`
}

// size returns the width and height in pixels, 0 if missing.
func (a *vocFile) size() (w, h int, err error) {
	sides := [2]int{}
	for i, side := range [...]struct{ name, text string }{{"width", a.Width}, {"height", a.Height}} {
		if side.text == "" {
			continue
		}
		v, err := strconv.ParseFloat(side.text, 64)
		if err != nil || !(v >= 0 && v <= math.MaxInt32) {
			return 0, 0, fmt.Errorf("size.%s: %s is not a number of pixels", side.name, cut(side.text))
		}
		sides[i] = int(v)
	}
	return sides[0], sides[1], nil
}

// box returns x, y, width, height.
func (o *vocObject) box(devkit bool) (box [4]float64, err error) {
	if o.Box == nil {
		return box, inField("xmin", errMissing)
	}
	for i, c := range [...]struct{ name, text string }{
		{"xmin", o.Box.XMin}, {"ymin", o.Box.YMin}, {"xmax", o.Box.XMax}, {"ymax", o.Box.YMax}} {
		v, err := strconv.ParseFloat(strings.TrimSpace(c.text), 64)
		switch {
		case c.text == "":
			return box, inField(c.name, errMissing)
		case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
			return box, inField(c.name, fmt.Errorf("%s is not a finite number", cut(c.text)))
		}
		box[i] = v
	}
	if devkit {
		box[0]--
		box[1]--
	}
	if box[2] < box[0] {
		return box, inField("xmax", fmt.Errorf("%.40s is left of xmin %.40s", o.Box.XMax, o.Box.XMin))
	}
	if box[3] < box[1] {
		return box, inField("ymax", fmt.Errorf("%.40s is above ymin %.40s", o.Box.YMax, o.Box.YMin))
	}
	return micro([4]float64{box[0], box[1], box[2] - box[0], box[3] - box[1]}), nil
}

// micro rounds a box to 1e-6 pixels.
func micro(box [4]float64) [4]float64 {
	for i, v := range box {
		if math.Abs(v) < 1<<30 { // beyond, float64 has no millionths
			box[i] = math.Round(v*1e6) / 1e6
		}
	}
	return box
}

// readVOCFile reads the annotation of one image.
func readVOCFile(path string) (*vocFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("annotation: %w", err)
	}
	defer f.Close()
	a, err := decodeVOC(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

func decodeVOC(r io.Reader) (*vocFile, error) {
	limited := &io.LimitedReader{R: r, N: maxAnnotationFile}
	var a vocFile
	dec := xml.NewDecoder(xmlText(limited))
	dec.CharsetReader = declaredText
	if err := dec.Decode(&a); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("more than %d bytes for one image", maxAnnotationFile)
		}
		return nil, xmlError(err, dec.InputOffset())
	}
	if a.XMLName.Local != "annotation" {
		return nil, fmt.Errorf("the root element is %s, want \"annotation\"", cut(a.XMLName.Local))
	}
	for _, text := range []*string{&a.FileName, &a.Width, &a.Height} {
		*text = strings.TrimSpace(*text)
	}
	for i := range a.Objects {
		o := &a.Objects[i]
		o.Name = elementText(o.Name)
		for _, text := range []*string{&o.Difficult, &o.Truncated, &o.Crowd, &o.Ignore} {
			*text = strings.TrimSpace(*text)
		}
	}
	return &a, nil
}

// encodingError is the error of an unknown encoding.
type encodingError struct{ label string }

func (e *encodingError) Error() string {
	return fmt.Sprintf("the encoding %s is not read: save the file as UTF-8", cut(e.label))
}

// xmlError rewords an XML error and adds its byte offset.
func xmlError(err error, offset int64) error {
	var syntax *xml.SyntaxError
	var unknown *encodingError
	switch {
	case errors.As(err, &unknown):
		return unknown
	case errors.Is(err, io.EOF):
		return errors.New("byte 0: no annotation in the file")
	case !errors.As(err, &syntax):
		return fmt.Errorf("byte %d: %.200s", offset, err.Error())
	}
	text := syntax.Msg
	switch text {
	case "unexpected EOF":
		text = "the file ends inside an element"
	case "invalid UTF-8":
		text = "this is not UTF-8: name the encoding in the first line, or save the file as UTF-8"
	}
	return fmt.Errorf("byte %d, line %d: %.200s", offset, syntax.Line, text)
}

// xmlText decodes UTF-16, detected by its byte order mark or by the zero bytes of its first characters, and drops the byte order
// mark of UTF-8.
func xmlText(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	start, _ := b.Peek(4) // an error comes again when the file is read
	var decode transform.Transformer = unicode.BOMOverride(transform.Nop)
	switch {
	case bytes.Equal(start, []byte("<\x00?\x00")):
		decode = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()
	case bytes.Equal(start, []byte("\x00<\x00?")):
		decode = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()
	}
	return transform.NewReader(b, decode)
}

// declaredText decodes the encoding that the first line of an XML file names, known to browsers or registered with IANA. UTF-16 is
// decoded by then: its first line could not be read else.
func declaredText(label string, r io.Reader) (io.Reader, error) {
	e, name := charset.Lookup(label)
	if e == nil {
		e, _ = ianaindex.IANA.Encoding(label) // unknown: an error; registered and not supported: nil, too
	}
	switch {
	case e == nil || name == "replacement": // which browsers take for what is not safe on a page
		return nil, &encodingError{label}
	case strings.HasPrefix(name, "utf-"):
		return r, nil
	}
	return e.NewDecoder().Reader(r), nil
}
