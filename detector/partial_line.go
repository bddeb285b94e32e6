package detector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"scalenet/internal/brief"
)

// largestCoordinate is that of the largest PNG image. Other formats have smaller images.
const largestCoordinate = math.MaxInt32

// parsePartialLine parses the line of an image. Errors name the field and its value.
func parsePartialLine(line []byte) (have partialLine, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return have, notALine(err)
	}
	var boxes [][]float64
	for _, f := range []struct {
		name string
		to   any
		list bool
		want string
	}{
		{"image_id", &have.Image, false, "a whole number"},
		{"bytes", &have.Bytes, false, "a whole number"},
		{"category_id", &have.Category, true, "a list of whole numbers"},
		{"bbox", &boxes, true, "a list of [x, y, width, height]"},
		{"score", &have.Score, true, "a list of numbers"},
	} {
		text, ok := fields[f.name]
		if !ok {
			return have, fmt.Errorf("%s: is missing", f.name)
		}
		if err := readField(text, f.to, f.list); err != nil {
			return have, fmt.Errorf("%s: %s, want %s", f.name, found(text, err), f.want)
		}
	}
	if len(have.Category) != len(have.Score) || len(boxes) != len(have.Score) {
		return have, fmt.Errorf("%d categories, %d boxes and %d scores", len(have.Category), len(boxes), len(have.Score))
	}
	if have.Box, err = checkedBoxes(boxes); err != nil {
		return have, err
	}
	return have, checkScores(have.Score)
}

// notALine returns the reason why a line is not that of an image.
func notALine(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("broken JSON after %d bytes: %s", syntax.Offset, brief.Text(syntax.Error()))
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Errorf("a JSON %s, want the detections of an image", brief.Text(kind.Value))
	}
	return err
}

var errNull = errors.New("null")

// readField reads a value of numbers. Only a whole list can be null: that of an image without detections.
func readField(text []byte, to any, list bool) error {
	if bytes.Contains(text, []byte("null")) && !(list && string(text) == "null") {
		return errNull
	}
	return json.Unmarshal(text, to)
}

// found returns what a value is that could not be read: the number, or the beginning of the text.
func found(text []byte, err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		if number, ok := strings.CutPrefix(kind.Value, "number "); ok {
			return brief.Text(number)
		}
	}
	return brief.Cut(text, 60)
}

// checkedBoxes returns boxes of four numbers that an image can have.
func checkedBoxes(boxes [][]float64) (checked [][4]float64, err error) {
	for i, box := range boxes {
		if len(box) != 4 {
			return nil, fmt.Errorf("bbox[%d]: has %d numbers, want x, y, width, height", i, len(box))
		}
		for j, v := range box {
			switch {
			case math.Abs(v) > largestCoordinate:
				return nil, fmt.Errorf("bbox[%d][%d]: %v pixels, no image is as large", i, j, v)
			case j >= 2 && v < 0:
				return nil, fmt.Errorf("bbox[%d][%d]: %v pixels, width and height are at least 0", i, j, v)
			}
		}
		checked = append(checked, [4]float64(box))
	}
	return checked, nil
}

func checkScores(scores []float64) error {
	for i, score := range scores {
		if score < 0 || score > 1 {
			return fmt.Errorf("score[%d]: %v, want 0 to 1", i, score)
		}
	}
	return nil
}
