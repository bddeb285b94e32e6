package coco

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxCSVLine limits a line of an Open Images file, in bytes.
const maxCSVLine = 1 << 16

// openImages reads the boxes of Open Images: one CSV row per box, with the id of its image (the name without .jpg), and x and y as
// fractions of the image size. It is read row by row, and rows of images that are not in the folder are counted only.
type openImages struct {
	*records
	names   map[string]string // class names by LabelName
	byStem  map[string][]string
	image   map[string]int // index by file
	missing map[string]bool
	rows    int // kept
}

// csvColumns are the columns of a row that are read; -1 if the file does not have one.
type csvColumns struct{ image, label, left, right, top, bottom, group, truncated int }

// openImagesColumns finds the columns by the header.
func openImagesColumns(header []string) (c csvColumns, err error) {
	at := func(name string) int { return slices.Index(header, name) }
	c = csvColumns{at("ImageID"), at("LabelName"), at("XMin"), at("XMax"), at("YMin"), at("YMax"), at("IsGroupOf"), at("IsTruncated")}
	for name, column := range map[string]int{"ImageID": c.image, "LabelName": c.label, "XMin": c.left, "XMax": c.right, "YMin": c.top, "YMax": c.bottom} {
		if column < 0 {
			err = errors.Join(err, fmt.Errorf("line 1: no column %s", name))
		}
	}
	return c, err
}

// newOpenImages reads the class names and lists the images.
func newOpenImages(r *records, classFiles []string) (*openImages, error) {
	o := &openImages{records: r, byStem: make(map[string][]string), image: make(map[string]int), missing: make(map[string]bool)}
	files, err := r.images.list()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		o.byStem[stem(file)] = append(o.byStem[stem(file)], file)
	}
	for _, file := range classFiles {
		names, order, err := readClassDescriptions(file)
		if err != nil {
			return nil, err
		}
		if o.names != nil {
			return nil, fmt.Errorf("%s: another file has class names already, want one in a folder", file)
		}
		o.names = names
		r.data.annotationFiles = append(r.data.annotationFiles, file)
		if len(r.opt.Classes) == 0 {
			r.declared = append(r.declared, order)
		}
	}
	return o, nil
}

// add reads the boxes of a file.
func (o *openImages) add(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("annotations: %w", err)
	}
	defer f.Close()
	return o.read(f, path)
}

func (o *openImages) read(src io.Reader, path string) error {
	lines := csvLines(src)
	header, err := lines.next()
	if err == nil && header == nil {
		err = errors.New("line 1: the file is empty")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	columns, err := openImagesColumns(header)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for {
		row, err := lines.next()
		if err == nil && row == nil {
			return nil
		}
		switch {
		case errors.Is(err, errRow):
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case len(row) != len(header):
			err = fmt.Errorf("line %d: %d columns, the first line has %d", lines.line, len(row), len(header))
		default:
			if err = o.row(path, row, &columns); err != nil {
				err = fmt.Errorf("line %d: %w", lines.line, err)
			}
		}
		if err != nil {
			if err := o.fault(fmt.Errorf("%s: %w", path, err)); err != nil {
				return err
			}
		}
	}
}

// row adds the box of a row.
func (o *openImages) row(path string, row []string, c *csvColumns) error {
	label := row[c.label]
	if name, ok := o.names[label]; ok {
		label = name
	} else if o.names != nil {
		return inField("LabelName", fmt.Errorf("%s is not in the file of class names", cut(label)))
	}
	if label == "" {
		return inField("LabelName", errMissing)
	}
	if err := o.known(label); err != nil {
		return inField("LabelName", err)
	}
	if o.passed {
		return nil
	}
	object := recordObject{class: label, crowd: row1(row, c.group), truncated: row1(row, c.truncated)}
	var sides [4]float64
	for i, column := range [...]struct {
		name string
		at   int
	}{{"XMin", c.left}, {"XMax", c.right}, {"YMin", c.top}, {"YMax", c.bottom}} {
		v, err := finiteNumber(row[column.at])
		if err == nil && (v < -0.01 || v > 1.01) {
			err = fmt.Errorf("%v is not a fraction of the image size, 0 to 1", v)
		}
		if err != nil {
			return inField(column.name, err)
		}
		sides[i] = v
	}
	switch {
	case sides[1] < sides[0]:
		return inField("XMax", fmt.Errorf("%v is left of XMin %v", sides[1], sides[0]))
	case sides[3] < sides[2]:
		return inField("YMax", fmt.Errorf("%v is above YMin %v", sides[3], sides[2]))
	}
	at, err := o.find(path, row[c.image])
	if err != nil || at < 0 {
		return err
	}
	w, h := float64(o.data.Images[at].Width), float64(o.data.Images[at].Height)
	object.box = micro([4]float64{sides[0] * w, sides[2] * h, (sides[1] - sides[0]) * w, (sides[3] - sides[2]) * h})
	o.addObjects(at, []recordObject{object})
	o.rows++
	return nil
}

// row1 reports whether a column that may be missing is 1. -1 is "unknown".
func row1(row []string, at int) bool { return at >= 0 && row[at] == "1" }

// find returns the index of an image, or -1 if it is not in the folder. Its size is read when it is found first.
func (o *openImages) find(path, id string) (int, error) {
	if id == "" {
		return 0, inField("ImageID", errMissing)
	}
	files := o.byStem[id]
	if len(files) > 1 {
		split := splitOfInstances(path)
		same := slices.DeleteFunc(slices.Clone(files), func(file string) bool { return split == "" || splitOf(file) != split })
		if len(same) == 1 {
			files = same
		}
	}
	switch {
	case len(files) > 1:
		return 0, inField("ImageID", fmt.Errorf("it is unclear which image %s is: %s in %s", cut(id), cutList(files), o.images.dir))
	case len(files) == 0:
		o.change("box of an image that is not in the folder, left out", "%s: ImageID %s", path, cut(id))
		return -1, nil
	}
	file := files[0]
	if at, ok := o.image[file]; ok {
		return at, nil
	}
	if o.missing[file] { // reported
		return -1, nil
	}
	full := filepath.Join(o.images.dir, file)
	w, h, err := sizeOf(full)
	if err != nil {
		o.missing[file] = true
		return 0, err
	}
	o.image[file] = o.addImage(file, w, h)
	return o.image[file], nil
}

// unannotated reports the images of a split without a box: whether they have objects is not known.
func (o *openImages) unannotated(split string) {
	files, _ := o.images.list() // listed
	for _, file := range files {
		if _, ok := o.image[file]; !ok && !o.missing[file] && inSplit(file, split) {
			o.opt.unannotated(fmt.Errorf("%s: no box of it in the CSV files", filepath.Join(o.images.dir, file)))
		}
	}
}

// errRow is wrapped by errors of a row behind which reading can go on.
var errRow = errors.New("not a row of a CSV file")

// lineReader reads rows of CSV, each a line.
type lineReader struct {
	scan *bufio.Scanner
	line int
	row  []string
}

func csvLines(src io.Reader) *lineReader {
	scan := bufio.NewScanner(src)
	scan.Buffer(make([]byte, 4<<10), maxCSVLine)
	return &lineReader{scan: scan}
}

// next returns the columns of the next line that is not empty, or nil at the end. They are valid until the next call.
func (l *lineReader) next() ([]string, error) {
	for l.scan.Scan() {
		text := l.scan.Bytes()
		if l.line++; l.line == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if bytes.IndexByte(text, '"') < 0 {
			l.row = l.row[:0]
			for field := range strings.SplitSeq(string(text), ",") {
				l.row = append(l.row, strings.TrimSpace(field))
			}
			return l.row, nil
		}
		row, err := csv.NewReader(bytes.NewReader(text)).Read()
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", l.line, cut(string(text)), errRow)
		}
		return row, nil
	}
	if errors.Is(l.scan.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: more than %d bytes", l.line+1, maxCSVLine)
	}
	return nil, l.scan.Err()
}

// isOpenImages reports whether a CSV file has the columns of boxes.
func isOpenImages(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	header, err := csvLines(io.LimitReader(f, maxCSVLine)).next()
	if err != nil {
		return false
	}
	_, err = openImagesColumns(header)
	return err == nil
}

// isClassDescriptions reports whether a CSV file has the names of classes, by its own name: class-descriptions-boxable.csv, and
// others that begin or end so.
func isClassDescriptions(file string) bool {
	return strings.Contains(strings.ToLower(filepath.Base(file)), "class-descriptions")
}

// readClassDescriptions reads rows of LabelName and name, with or without a header. order lists the names by row.
func readClassDescriptions(path string) (names map[string]string, order []string, err error) {
	text, err := readText(path, maxYOLOFile)
	if err != nil {
		return nil, nil, fmt.Errorf("class names: %w", err)
	}
	lines := csvLines(bytes.NewReader(text))
	names = make(map[string]string)
	for {
		row, err := lines.next()
		if err == nil && row == nil {
			break
		}
		if err == nil && len(row) != 2 {
			err = fmt.Errorf("line %d: %d columns, want LabelName and the name of the class", lines.line, len(row))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		if lines.line == 1 && row[0] == "LabelName" && row[1] != row[0] { // else it is a class of this name
			continue
		}
		label, name := strings.Clone(row[0]), strings.Clone(row[1])
		if _, ok := names[label]; ok || name == "" || slices.Contains(order, name) {
			return nil, nil, fmt.Errorf("%s: line %d: %s is empty or listed twice", path, lines.line, strconv.Quote(label+","+name))
		}
		names[label] = name
		order = append(order, name)
	}
	if len(order) == 0 {
		return nil, nil, fmt.Errorf("%s: no class names in it", path)
	}
	return names, order, nil
}
