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
	"slices"
	"strings"

	"scalenet/checkpoint"
	"scalenet/internal/brief"
)

// table is a file to which rows are appended, with or without a header line.
type table struct {
	*os.File
	columns []string // of the header; nil before it is written
	rows    int
	tell    func(string)
}

// openTable opens a file for appending, after removing the rows not to keep. A file
// whose rows cannot be recognised is renamed.
func openTable(path string, keep keeper, tell func(string)) (*table, error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	k, err := keep.keep(old)
	if err != nil {
		if err := setAside(path, err.Error(), tell); err != nil {
			return nil, err
		}
		old, k = nil, kept{missing: k.missing}
	}
	if k.missing > 0 {
		tell(fmt.Sprintf("%s: %d of the %d rows that the saved run has written are missing or damaged; the run goes on without them",
			path, k.missing, k.rows+k.missing))
	}
	if !bytes.Equal(k.text, old) {
		err := checkpoint.WriteAtomic(path, func(w io.Writer) error {
			_, err := w.Write(k.text)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	t := &table{columns: k.columns, rows: k.rows, tell: tell}
	t.File, err = appendTo(path)
	return t, err
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}

// setAside renames a file that cannot be continued.
func setAside(path, why string, tell func(string)) error {
	for i := 1; ; i++ {
		to := fmt.Sprintf("%s.%d", path, i)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		tell(fmt.Sprintf("%s: %s; it is kept as %s, and a new one is begun", path, why, to))
		return os.Rename(path, to)
	}
}

// csv appends a row, and the header before the first.
func (t *table) csv(cells []cell) error {
	columns, texts := make([]string, len(cells)), make([]string, len(cells))
	for i, c := range cells {
		columns[i], texts[i] = c.column, c.text()
	}
	if t.columns != nil && !slices.Equal(columns, t.columns) {
		if err := t.restart("has the columns " + brief.Cut(strings.Join(t.columns, ","), 80) + ", and the run now " + brief.Cut(strings.Join(columns, ","), 80)); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if t.columns == nil {
		t.columns = columns
		w.Write(columns)
	}
	w.Write(texts)
	w.Flush()
	return t.line(b.Bytes())
}

// restart renames the file and starts a new one.
func (t *table) restart(why string) error {
	path := t.Name()
	if err := errors.Join(t.Close(), setAside(path, why, t.tell)); err != nil {
		return err
	}
	var err error
	t.columns, t.rows = nil, 0
	t.File, err = appendTo(path)
	return err
}

// json appends an object with its keys in order. NaN and infinities are null.
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
