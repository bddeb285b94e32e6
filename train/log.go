package train

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"scalenet/checkpoint"
)

// The logs of a run.
const (
	trainCSV = "train.csv"
	evalCSV  = "eval.csv"
	logJSONL = "log.jsonl"
)

// Row is what is logged about the steps since the last row.
type Row struct {
	Step, Epoch     int // the last step of the row; the epoch, from 1
	LR              float64
	Losses          []Metric // means a step
	ImagesPerSecond float64
	DataWait        float64 // share of the time, 0 to 1
}

// Total is the sum of the losses.
func (r Row) Total() float64 {
	var sum float64
	for _, loss := range r.Losses {
		sum += loss.Value
	}
	return sum
}

// EvalRow is what is logged about an evaluation.
type EvalRow struct {
	Step, Epoch int
	Metrics     []Metric
	Best        bool // better than all before
}

// Log appends rows to train.csv and eval.csv, and both kinds to log.jsonl.
type Log struct {
	train, eval, jsonl *table
}

// openLog opens the logs in a folder and cuts them to the rows that belong to
// the state of the run: what was logged after it is done again.
func openLog(dir string, trainRows, evalRows int) (*Log, error) {
	var l Log
	for _, f := range []struct {
		to           **table
		name         string
		header, rows int
	}{
		{&l.train, trainCSV, 1, trainRows},
		{&l.eval, evalCSV, 1, evalRows},
		{&l.jsonl, logJSONL, 0, trainRows + evalRows},
	} {
		t, err := openTable(filepath.Join(dir, f.name), f.header, f.rows)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		*f.to = t
	}
	return &l, nil
}

// Train appends a row about steps.
func (l *Log) Train(r Row) error {
	cells := []cell{{"step", r.Step}, {"epoch", r.Epoch}, {"lr", r.LR}, {"loss", r.Total()}}
	for _, loss := range r.Losses {
		cells = append(cells, cell{loss.Name, loss.Value})
	}
	cells = append(cells, cell{"images_per_second", round3(r.ImagesPerSecond)}, cell{"data_wait", round3(r.DataWait)})
	return l.append(l.train, "train", cells)
}

// Eval appends a row about an evaluation.
func (l *Log) Eval(r EvalRow) error {
	cells := []cell{{"step", r.Step}, {"epoch", r.Epoch}}
	for _, m := range r.Metrics {
		cells = append(cells, cell{m.Name, m.Value})
	}
	return l.append(l.eval, "eval", append(cells, cell{"best", r.Best}))
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }

func (l *Log) append(t *table, kind string, cells []cell) error {
	if err := t.csv(cells); err != nil {
		return err
	}
	return l.jsonl.json(append([]cell{{"kind", kind}}, cells...))
}

func (l *Log) rows() (train, eval int) { return l.train.rows, l.eval.rows }

// Sync makes the rows last.
func (l *Log) Sync() error {
	return errors.Join(l.train.Sync(), l.eval.Sync(), l.jsonl.Sync())
}

// Close closes the files.
func (l *Log) Close() error {
	var err error
	for _, t := range []*table{l.train, l.eval, l.jsonl} {
		if t != nil {
			err = errors.Join(err, t.Close())
		}
	}
	return err
}

// cell is a value, an int, float64, bool or string, under its column.
type cell struct {
	column string
	value  any
}

// text spells a float in the fewest digits that read back as the same number.
func (c cell) text() string {
	if f, ok := c.value.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fmt.Sprint(c.value)
}

// table is a file of lines that only grows, with a header line or none.
type table struct {
	*os.File
	columns []string // of the header; nil before it is written
	rows    int
}

// openTable opens a file to append to, after cutting it to its first rows.
func openTable(path string, header, rows int) (*table, error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	keep := rows
	if rows > 0 {
		keep += header
	}
	kept, ok := firstLines(old, keep)
	if !ok {
		return nil, fmt.Errorf("%s: has fewer rows than the %d that the saved run has written", path, rows)
	}
	if len(kept) != len(old) {
		err := checkpoint.WriteAtomic(path, func(w io.Writer) error {
			_, err := w.Write(kept)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	t := &table{rows: rows}
	if header > 0 && rows > 0 {
		if t.columns, err = csv.NewReader(bytes.NewReader(kept)).Read(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	t.File, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	return t, err
}

// firstLines cuts text after n lines; false when there are fewer whole ones.
func firstLines(text []byte, n int) ([]byte, bool) {
	at := 0
	for range n {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			return nil, false
		}
		at += end + 1
	}
	return text[:at], true
}

// csv appends a row, and the header before the first.
func (t *table) csv(cells []cell) error {
	columns, texts := make([]string, len(cells)), make([]string, len(cells))
	for i, c := range cells {
		columns[i], texts[i] = c.column, c.text()
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if t.columns == nil {
		t.columns = columns
		w.Write(columns)
	}
	if !slices.Equal(columns, t.columns) {
		return fmt.Errorf("%s: a row has the columns %s, the file %s", t.Name(), strings.Join(columns, ","), strings.Join(t.columns, ","))
	}
	w.Write(texts)
	w.Flush()
	return t.line(b.Bytes())
}

// json appends an object with its keys in order. What JSON has no number for,
// NaN and infinities, is null.
func (t *table) json(cells []cell) error {
	var b bytes.Buffer
	for i, c := range cells {
		if f, ok := c.value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			c.value = nil
		}
		key, _ := json.Marshal(c.column) // strings and finite numbers cannot fail
		value, _ := json.Marshal(c.value)
		b.WriteByte("{,"[min(i, 1)])
		fmt.Fprintf(&b, "%s:%s", key, value)
	}
	b.WriteString("}\n")
	return t.line(b.Bytes())
}

func (t *table) line(b []byte) error {
	if _, err := t.Write(b); err != nil {
		return err
	}
	t.rows++
	return nil
}
