package train

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"scalenet/checkpoint"
)

// Result is the progress of the run in a folder.
type Result struct {
	Step int
	// Done says that all epochs are trained and LastFile is written. A run that was
	// killed before LastFile was written is not done; resume writes the file.
	Done bool
	// Evaluated are the metrics of the last evaluation, nil before the first.
	Evaluated []Metric
}

// ReadResult reads the result of the run in a folder. It returns nil without a saved run.
func ReadResult(dir string) (*Result, error) {
	r, err := checkpoint.Open(filepath.Join(dir, StateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s, err := parseState(r.Metadata()[checkpoint.StateKey])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, StateFile), err)
	}
	result := &Result{Step: s.Step, Done: s.Done && writtenAfter(dir)}
	if s.EvalRows > 0 {
		result.Evaluated, err = evaluated(filepath.Join(dir, evalCSV), s.EvalRows)
	}
	return result, err
}

// writtenAfter reports whether the model was written after the state, as the loop does.
func writtenAfter(dir string) bool {
	state, err1 := os.Stat(filepath.Join(dir, StateFile))
	last, err2 := os.Stat(filepath.Join(dir, LastFile))
	return err1 == nil && err2 == nil && !last.ModTime().Before(state.ModTime())
}

// evaluated reads a row of eval.csv, counted from 1.
func evaluated(path string, row int) ([]Metric, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	columns, err := r.Read()
	var cells []string
	for i := 0; i < row && err == nil; i++ {
		cells, err = r.Read()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: row %d: %w", path, row, err)
	}
	var list []Metric
	for i, c := range columns {
		if c == "step" || c == "epoch" || c == "best" {
			continue
		}
		v, err := strconv.ParseFloat(cells[i], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: row %d: %s is %q", path, row, c, cells[i])
		}
		list = append(list, Metric{c, v})
	}
	return list, nil
}

// Metric returns a metric of the last evaluation by name, NaN if there is no such metric.
func (r *Result) Metric(name string) float64 {
	if v, ok := find(r.Evaluated, name); ok {
		return v
	}
	return math.NaN()
}
