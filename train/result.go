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

// Result is how far the run in a folder has come.
type Result struct {
	Step int
	// Done says that nothing is left to do: all epochs are trained, and LastFile
	// has their outcome. A run that was killed between the last two writes is
	// not done: resumed, it writes the file.
	Done bool
	// Evaluated are the figures of the last evaluation; nil before the first.
	Evaluated []Metric
}

// ReadResult looks at the run in a folder; nil when there is none to resume.
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

// writtenAfter tells whether the model was written after the state, as the loop does.
func writtenAfter(dir string) bool {
	state, err1 := os.Stat(filepath.Join(dir, StateFile))
	last, err2 := os.Stat(filepath.Join(dir, LastFile))
	return err1 == nil && err2 == nil && !last.ModTime().Before(state.ModTime())
}

// evaluated reads a row, counted from 1, of eval.csv.
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

// Figure finds a figure of the last evaluation by name; NaN when there is none.
func (r *Result) Figure(name string) float64 {
	if v, ok := find(r.Evaluated, name); ok {
		return v
	}
	return math.NaN()
}
