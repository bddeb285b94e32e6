package train

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Outcome is what a run has reached.
type Outcome struct {
	// Model is the path of the model to use: the best, or the last if nothing was evaluated.
	Model string
	// Best is the value of Config.Best of the best model, and Epoch its epoch, counted from 1; nil and 0 if nothing was evaluated.
	Best  *float64
	Epoch int
	// Steps is the number of steps of the run.
	Steps int
}

// Outcome returns what the run has reached, after Run.
func (l *Loop[B]) Outcome() (Outcome, error) {
	o := Outcome{Model: filepath.Join(l.Dir, LastFile), Best: l.state.Best, Steps: l.state.Step}
	if o.Best == nil {
		return o, nil
	}
	o.Model = filepath.Join(l.Dir, bestFile)
	var err error
	o.Epoch, err = bestEpoch(filepath.Join(l.Dir, evalCSV))
	return o, err
}

// bestEpoch returns the epoch of the last row of eval.csv that was the best so far, 0 if there is none.
func bestEpoch(path string) (int, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	epoch, best := slices.Index(rows[0], "epoch"), slices.Index(rows[0], "best")
	for _, row := range slices.Backward(rows[1:]) {
		if epoch >= 0 && best >= 0 && row[best] == "true" {
			return strconv.Atoi(row[epoch])
		}
	}
	return 0, nil
}
