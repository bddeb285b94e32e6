package train

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Files are the names of the files that a run writes into its folder, without
// the lock.
func Files() []string {
	return []string{ConfigFile, StateFile, LastFile, bestFile, trainCSV, evalCSV, LogFile, EventsFile, LossPlot, MetricsPlot}
}

// CheckNew returns an error if a new run would replace a file that no run has
// written, such as another program's train.csv. Files of a run that failed before its
// first save may be replaced. isConfig reports whether a config.yaml is that of a
// run.
func CheckNew(dir string, isConfig func(text string) bool) error {
	for _, f := range []struct {
		name  string
		isRun func(start []byte) bool
	}{
		{ConfigFile, func(text []byte) bool { return isConfig(string(text)) }},
		{trainCSV, func(start []byte) bool { return begins(start, "step,epoch,lr,loss") }},
		{evalCSV, func(start []byte) bool { return begins(start, "step,epoch,") }},
		{LogFile, func(start []byte) bool { return begins(start, `{"kind":"`) }},
		{EventsFile, func(start []byte) bool { return wholeRecords(start) > 0 }},
		{LossPlot, func([]byte) bool { return false }}, // drawn after the first save
		{MetricsPlot, func([]byte) bool { return false }},
	} {
		path := filepath.Join(dir, f.name)
		start, err := readStart(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case !f.isRun(start):
			return fmt.Errorf("%s: already exists and is not a file of a training run: choose another --out", path)
		}
	}
	return nil
}

// begins reports whether a log starts like the log of a run, possibly truncated.
func begins(start []byte, header string) bool {
	n := min(len(start), len(header))
	return bytes.Equal(start[:n], []byte(header[:n]))
}

// readStart reads the first megabyte of a file.
func readStart(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}
