package train

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
)

// keeper finds the rows of a log that belong to a saved state.
type keeper interface {
	// keep returns an error if the rows of the file cannot be recognised.
	keep(text []byte) (kept, error)
}

// kept is the part of a log that is kept.
type kept struct {
	text          []byte
	columns       []string // of a header
	rows, missing int      // missing: that the state has and the file has not
}

// csvKeeper keeps the first rows of a CSV file, while steps increase and do not
// exceed the step of the state. Rows of a second process, rows after the state and
// truncated rows are removed.
type csvKeeper struct{ last, rows int }

func (k *csvKeeper) keep(text []byte) (kept, error) {
	if k.rows == 0 {
		return kept{}, nil
	}
	if len(text) == 0 {
		return kept{missing: k.rows}, nil
	}
	r := csv.NewReader(bytes.NewReader(text))
	columns, err := r.Read()
	step := slices.Index(columns, "step")
	end := r.InputOffset()
	if err != nil || step < 0 || text[end-1] != '\n' {
		return kept{missing: k.rows}, errors.New("has no header with a column step")
	}
	all := kept{text: slices.Clone(text[:end]), columns: columns}
	before := 0
	for all.rows < k.rows {
		start := r.InputOffset()
		row, err := r.Read()
		end := r.InputOffset()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || text[end-1] != '\n' { // another number of columns, too
			continue
		}
		if at, err := strconv.Atoi(row[step]); err == nil && at > before && at <= k.last {
			all.text, all.rows, before = append(all.text, text[start:end]...), all.rows+1, at
		}
	}
	all.missing = k.rows - all.rows
	return all, nil
}

// jsonKeeper does the same for JSON lines of several kinds.
type jsonKeeper struct {
	last int
	rows map[string]int // of each kind
}

func (k *jsonKeeper) keep(text []byte) (kept, error) {
	var all kept
	have, before := map[string]int{}, map[string]int{}
	for line := range bytes.Lines(text) {
		var row struct {
			Kind string `json:"kind"`
			Step int    `json:"step"`
		}
		if json.Unmarshal(line, &row) != nil || line[len(line)-1] != '\n' {
			continue
		}
		if have[row.Kind] < k.rows[row.Kind] && row.Step > before[row.Kind] && row.Step <= k.last {
			all.text = append(all.text, line...)
			all.rows++
			have[row.Kind]++
			before[row.Kind] = row.Step
		}
	}
	for kind, n := range k.rows {
		all.missing += n - have[kind]
	}
	return all, nil
}
