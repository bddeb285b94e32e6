package curves

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"scalenet/internal/brief"
)

// readLog reads a log, see readCurves. Errors name it. A pipe or a device, which may have no end, is an error.
func readLog(path string) (losses, eval curves, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if losses, eval, err = readCurves(f); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return losses, eval, nil
}

// maxLine is the maximum length of a row in bytes.
const maxLine = 1 << 20

// readCurves reads the rows of a log. Values that are not numbers are skipped, and
// so are metrics of -1, which are those without any ground-truth object, and a last
// line without its end: it is being written, or the run was killed meanwhile. Its
// end may be zeros, which a power cut leaves of what was not yet on the disk.
func readCurves(r io.Reader) (losses, eval curves, err error) {
	lines := bufio.NewReaderSize(r, maxLine)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull) && unwritten(line, lines):
			return losses, eval, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, nil, fmt.Errorf("line %d: has more than %d bytes, no row of a log is that long", n, maxLine)
		case err != nil:
			return nil, nil, err
		}
		row, order, err := readRow(bytes.TrimRight(line, "\r\n"))
		if err == nil {
			err = row.check()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		losses.addLosses(row, order)
		eval.addMetrics(row, order)
	}
}

// unwritten reports whether a line ends in zeros, and so does the log, of which rest comes after the line.
func unwritten(line []byte, rest io.Reader) bool {
	if line[len(line)-1] != 0 {
		return false
	}
	buffer := make([]byte, 1<<16)
	for {
		n, err := rest.Read(buffer)
		if slices.ContainsFunc(buffer[:n], func(b byte) bool { return b != 0 }) {
			return false
		}
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// isFigure reports whether a key is that of a loss or metric.
func isFigure(key string) bool {
	return !slices.Contains([]string{"step", "epoch", "lr", "images_per_second", "data_wait"}, key)
}

func (c *curves) addLosses(row jsonRow, order []string) {
	for _, key := range order {
		if row.kind == "train" && isFigure(key) {
			c.add(key, row.numbers["step"], row.numbers[key])
		}
	}
}

func (c *curves) addMetrics(row jsonRow, order []string) {
	for _, key := range order {
		if row.kind == "eval" && isFigure(key) && row.numbers[key] >= 0 {
			c.add(key, row.numbers["epoch"], row.numbers[key])
		}
	}
}

type jsonRow struct {
	kind    string
	numbers map[string]float64
}

// check returns an error if the step or epoch is no count.
func (r jsonRow) check() error {
	for _, key := range []string{"step", "epoch"} {
		if v := r.numbers[key]; v < 0 || v > 1<<53 || v != math.Trunc(v) {
			return fmt.Errorf("%s is %v: want a whole number from 0 to %d", key, v, 1<<53)
		}
	}
	return nil
}

// readRow reads an object without lists and objects in it. order has the keys of
// the numbers.
func readRow(line []byte) (row jsonRow, order []string, err error) {
	row.numbers = map[string]float64{}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return row, nil, notObject(line)
	}
	for d.More() {
		key, err := d.Token()
		name, isText := key.(string)
		if err != nil || !isText {
			return row, nil, notObject(line)
		}
		from := d.InputOffset()
		value, err := d.Token()
		if err != nil {
			return row, nil, fmt.Errorf("%s is %s: want a number", shown(name), valueAt(line[from:]))
		}
		switch v := value.(type) {
		case json.Number:
			if row.numbers[name], err = strconv.ParseFloat(v.String(), 64); err != nil {
				return row, nil, fmt.Errorf("%s is %s: the number is too large", shown(name), brief.Cut(v, maxShown))
			}
			order = append(order, name)
		case string:
			row.kind = v
		case json.Delim:
			return row, nil, fmt.Errorf("%s is not a plain value", shown(name))
		}
	}
	if _, err := d.Token(); err != nil {
		return row, nil, notObject(line)
	}
	return row, order, nil
}

func notObject(line []byte) error {
	return fmt.Errorf("not a JSON object: %q", brief.Cut(line, maxShown))
}

// maxShown is the number of bytes of a value that a message has.
const maxShown = 80

// shown is a key in a message.
func shown(key string) string { return brief.Line(brief.Text(key)) }

// valueAt returns, for a message, the text of the value that begins after a colon.
func valueAt(text []byte) string {
	text = bytes.TrimLeft(text, ": ")
	if end := bytes.IndexAny(text, ",}"); end >= 0 {
		text = text[:end]
	}
	return brief.Line(brief.Cut(bytes.TrimSpace(text), maxShown))
}
