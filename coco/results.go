package coco

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
)

// Results are detections in columns: row i of each column belongs to detection i. The order breaks ties of scores.
type Results struct {
	Path     string // the file they were read from, for messages
	Image    []int64
	Category []int64
	Box      [][4]float64 // x, y, width, height in pixels of the original image
	Score    []float64
}

// Len returns the number of detections.
func (r *Results) Len() int { return len(r.Score) }

// Add appends a detection of the category with the given id on the image with the given id.
func (r *Results) Add(image, category int64, box [4]float64, score float64) {
	r.Image = append(r.Image, image)
	r.Category = append(r.Category, category)
	r.Box = append(r.Box, box)
	r.Score = append(r.Score, score)
}

// ReadResults reads a COCO results file: a list of {"image_id", "category_id", "bbox", "score"}; other fields are skipped.
// The list may be empty. Errors name the file, the index and the field, or the byte.
func ReadResults(path string) (*Results, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	r, ok := readResultsParts(f, info.Size(), runtime.GOMAXPROCS(0))
	if !ok {
		if r, err = readResults(f, info.Size()); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	r.Path = path
	return r, nil
}

// Fields of a result, as bits of what was seen.
const (
	hasImage = 1 << iota
	hasCategory
	hasBox
	hasScore
	hasAll = hasImage | hasCategory | hasBox | hasScore
)

var resultFields = [...]string{"image_id", "category_id", "bbox", "score"}

// resultsReader reads detections one after the other into columns.
type resultsReader struct {
	*scanner
	Results
	field func(key []byte) error // made once: a closure for every detection would be garbage

	image, category int64
	box             [4]float64
	score           float64
	seen            int
}

func newResultsReader(s *scanner) *resultsReader {
	r := &resultsReader{scanner: s}
	r.field = r.readField
	return r
}

func (r *resultsReader) readField(key []byte) (err error) {
	switch string(key) {
	case "image_id":
		r.seen |= hasImage
		r.image, err = r.integer()
		return inField("image_id", err)
	case "category_id":
		r.seen |= hasCategory
		r.category, err = r.integer()
		return inField("category_id", err)
	case "bbox":
		r.seen |= hasBox
		return inField("bbox", r.numbers(r.box[:]))
	case "score":
		r.seen |= hasScore
		r.score, err = r.finite()
		return inField("score", err)
	}
	return r.skip()
}

// detection reads one detection.
func (r *resultsReader) detection() error {
	r.seen = 0
	if err := r.object(r.field); err != nil {
		return err
	}
	if r.seen != hasAll {
		for bit, name := range resultFields {
			if r.seen&(1<<bit) == 0 {
				return inField(name, errMissing)
			}
		}
	}
	r.Add(r.image, r.category, r.box, r.score)
	return nil
}

// reserve allocates columns for a file of size bytes, estimated from the detections in the first read bytes.
func (r *resultsReader) reserve(read, size int64) {
	const beginning = 1024
	if r.Len() != beginning || size <= read {
		return
	}
	n := int(float64(size-read) / float64(read) * beginning * 1.01)
	r.Image, r.Category = slices.Grow(r.Image, n), slices.Grow(r.Category, n)
	r.Box, r.Score = slices.Grow(r.Box, n), slices.Grow(r.Score, n)
}

// readResults reads a document of about size bytes (0: unknown).
func readResults(src io.Reader, size int64) (*Results, error) {
	r := newResultsReader(newScanner(src, size))
	if err := r.begin(); err != nil {
		return nil, err
	}
	if r.peek(); r.pos < r.end && r.buf[r.pos] != '[' {
		return nil, r.fail("a results file is a list of detections, this one starts with %q", r.buf[r.pos])
	}
	err := r.array(func(i int) error {
		if err := r.detection(); err != nil {
			return atIndex(i, err)
		}
		r.reserve(r.offset(), size)
		return nil
	})
	if err == nil {
		err = r.done()
	}
	if err != nil {
		return nil, err
	}
	return &r.Results, nil
}

// atIndex prefixes an error with the index of a list item: [12].bbox: ... or [12]: ...
func atIndex(i int, err error) error {
	if field := new(fieldError); errors.As(err, &field) {
		return fmt.Errorf("[%d].%w", i, err)
	}
	return fmt.Errorf("[%d]: %w", i, err)
}

// check returns an error for the first invalid detection. Rows made in memory may hold anything.
func (r *Results) check() error {
	if len(r.Image) != r.Len() || len(r.Category) != r.Len() || len(r.Box) != r.Len() {
		return fmt.Errorf("results: columns of %d images, %d categories, %d boxes and %d scores",
			len(r.Image), len(r.Category), len(r.Box), r.Len())
	}
	for i, score := range r.Score {
		if math.IsNaN(score) || math.IsInf(score, 0) {
			return fmt.Errorf("%s: [%d].score: %v is not a finite number", r.name(), i, score)
		}
		for j, v := range r.Box[i] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("%s: [%d].bbox[%d]: %v is not a finite number", r.name(), i, j, v)
			}
		}
	}
	return nil
}

func (r *Results) name() string {
	if r.Path == "" {
		return "results"
	}
	return r.Path
}

// WriteResults writes a COCO results file. Numbers are written with full precision: reading them back gives the same bits.
func WriteResults(path string, r *Results) error {
	if err := r.check(); err != nil {
		return err
	}
	return writeAtomic(path, func(w *bufio.Writer) error {
		line := make([]byte, 0, 256)
		for i := range r.Score {
			line = append(line[:0], ",\n"...)
			if i == 0 {
				line[0] = '['
			}
			line = append(line, `{"image_id": `...)
			line = strconv.AppendInt(line, r.Image[i], 10)
			line = append(line, `, "category_id": `...)
			line = strconv.AppendInt(line, r.Category[i], 10)
			line = append(line, `, "bbox": `...)
			line = appendBox(line, r.Box[i])
			line = append(line, `, "score": `...)
			line = appendNumber(line, r.Score[i])
			line = append(line, '}')
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		tail := "\n]\n"
		if r.Len() == 0 {
			tail = "[]\n"
		}
		_, err := w.WriteString(tail)
		return err
	})
}
