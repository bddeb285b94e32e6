package train

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
)

// The logs of a run.
const (
	trainCSV = "train.csv"
	evalCSV  = "eval.csv"
	// LogFile has the rows of both, one JSON object per line.
	LogFile = "log.jsonl"
)

// The charts of a run, which package curves draws.
const (
	LossPlot    = "loss.png"
	MetricsPlot = "metrics.png"
)

// Row is a row of the training log, for the steps since the last row.
type Row struct {
	Step, Epoch     int // the last step of the row; the epoch, from 1
	LR              float64
	Losses          []Metric // means over the steps
	ImagesPerSecond float64
	DataWait        float64 // fraction of the time waiting for data, 0 to 1
}

// Total returns the sum of the losses.
func (r Row) Total() float64 {
	var sum float64
	for _, loss := range r.Losses {
		sum += loss.Value
	}
	return sum
}

// EvalRow is a row of the evaluation log.
type EvalRow struct {
	Step, Epoch int
	Metrics     []Metric
	Best        bool // better than all before
}

// Log appends rows to train.csv and eval.csv, and both kinds to log.jsonl and to
// TensorBoard's events. A nil Log, of a process that does not write, appends nothing.
type Log struct {
	train, eval, jsonl *table
	events             *events
}

// openLog opens the logs in a folder and removes rows after the saved state, whose
// steps are repeated. Missing or damaged logs are reported, and the run continues.
func openLog(dir string, s *state, tell func(string)) (*Log, error) {
	var l Log
	for _, f := range []struct {
		to   **table
		name string
		keep keeper
	}{
		{&l.train, trainCSV, &csvKeeper{last: s.Step, rows: s.TrainRows}},
		{&l.eval, evalCSV, &csvKeeper{last: s.Step, rows: s.EvalRows}},
		{&l.jsonl, LogFile, &jsonKeeper{last: s.Step, rows: map[string]int{"train": s.TrainRows, "eval": s.EvalRows}}},
	} {
		t, err := openTable(filepath.Join(dir, f.name), f.keep, tell)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		*f.to = t
	}
	var err error
	if l.events, err = openEvents(dir, s.Step, unixSeconds); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &l, nil
}

// Train appends a training row.
func (l *Log) Train(r Row) error {
	if l == nil {
		return nil
	}
	cells := []cell{{"step", r.Step}, {"epoch", r.Epoch}, {"lr", r.LR}, {"loss", r.Total()}}
	for _, loss := range r.Losses {
		cells = append(cells, cell{loss.Name, loss.Value})
	}
	cells = append(cells, cell{"images_per_second", round3(r.ImagesPerSecond)}, cell{"data_wait", round3(r.DataWait)})
	scalars := []Metric{{"train/loss", r.Total()}}
	for _, loss := range r.Losses {
		scalars = append(scalars, Metric{"train/" + loss.Name, loss.Value})
	}
	scalars = append(scalars, Metric{"train/lr", r.LR}, Metric{"train/images_per_second", r.ImagesPerSecond}, Metric{"train/data_wait", r.DataWait})
	return errors.Join(l.append(l.train, "train", cells), l.events.scalars(r.Step, scalars))
}

// Eval appends an evaluation row.
func (l *Log) Eval(r EvalRow) error {
	if l == nil {
		return nil
	}
	cells := []cell{{"step", r.Step}, {"epoch", r.Epoch}}
	var scalars []Metric
	for _, m := range r.Metrics {
		cells = append(cells, cell{m.Name, m.Value})
		scalars = append(scalars, Metric{"eval/" + m.Name, m.Value})
	}
	return errors.Join(l.append(l.eval, "eval", append(cells, cell{"best", r.Best})), l.events.scalars(r.Step, scalars))
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }

func (l *Log) append(t *table, kind string, cells []cell) error {
	if err := t.csv(cells); err != nil {
		return err
	}
	return l.jsonl.json(append([]cell{{"kind", kind}}, cells...))
}

func (l *Log) rows() (train, eval int) { return l.train.rows, l.eval.rows }

// Sync syncs the files to disk.
func (l *Log) Sync() error {
	return errors.Join(l.train.Sync(), l.eval.Sync(), l.jsonl.Sync(), l.events.Sync())
}

// Close closes the files.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	var err error
	for _, t := range []*table{l.train, l.eval, l.jsonl} {
		if t != nil {
			err = errors.Join(err, t.Close())
		}
	}
	if l.events != nil {
		err = errors.Join(err, l.events.Close())
	}
	return err
}

// cell is an int, float64, bool or string with its column.
type cell struct {
	column string
	value  any
}

// text formats a float with the fewest digits that read back as the same number.
func (c cell) text() string {
	if f, ok := c.value.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fmt.Sprint(c.value)
}
