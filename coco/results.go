package coco

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
)

// Results are detections as columns: row i of each belongs to detection i. The order matters where scores tie.
type Results struct {
	Path     string // the file they were read from, for messages
	Image    []int64
	Category []int64
	Box      [][4]float64 // x, y, width, height in pixels of the original picture
	Score    []float64
}

// Len is the number of detections.
func (r *Results) Len() int { return len(r.Score) }

// Add appends a detection of the category with the given id on the image with the given id.
func (r *Results) Add(image, category int64, box [4]float64, score float64) {
	r.Image = append(r.Image, image)
	r.Category = append(r.Category, category)
	r.Box = append(r.Box, box)
	r.Score = append(r.Score, score)
}

// ReadResults reads a COCO results file: a list of {"image_id", "category_id", "bbox", "score"}; other fields are skipped.
// An empty list is fine. Errors name the file, the index and the field, or the byte.
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
	r, err := readResults(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
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

// readResults reads a document of about size bytes.
func readResults(src io.Reader, size int64) (*Results, error) {
	s := newScanner(src, size)
	r := new(Results)
	var (
		image, category int64
		box             [4]float64
		score           float64
		seen            int
	)
	field := func(key []byte) (err error) {
		switch string(key) {
		case "image_id":
			seen |= hasImage
			image, err = s.integer()
			return inField("image_id", err)
		case "category_id":
			seen |= hasCategory
			category, err = s.integer()
			return inField("category_id", err)
		case "bbox":
			seen |= hasBox
			return inField("bbox", s.numbers(box[:]))
		case "score":
			seen |= hasScore
			score, err = s.finite()
			return inField("score", err)
		}
		return s.skip()
	}
	if s.peek(); s.pos < s.end && s.buf[s.pos] != '[' {
		return nil, s.fail("a results file is a list of detections, this one starts with %q", s.buf[s.pos])
	}
	err := s.array(func(i int) error {
		seen = 0
		err := s.object(field)
		if err == nil && seen != hasAll {
			for bit, name := range resultFields {
				if seen&(1<<bit) == 0 {
					err = inField(name, errMissing)
					break
				}
			}
		}
		if err != nil {
			return atIndex(i, err)
		}
		r.Add(image, category, box, score)
		return nil
	})
	if err == nil {
		err = s.done()
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// atIndex puts the index of a list's item before an error: [12].bbox: ... or [12]: ...
func atIndex(i int, err error) error {
	if field := new(fieldError); errors.As(err, &field) {
		return fmt.Errorf("[%d].%w", i, err)
	}
	return fmt.Errorf("[%d]: %w", i, err)
}

// check reports the first detection that could not be evaluated; rows made in memory may hold anything.
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

// WriteResults writes a COCO results file. Numbers are written in full: reading them back gives the same bits.
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
