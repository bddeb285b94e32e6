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

// Files are the names of the files that a run writes into its folder, but for
// its lock.
func Files() []string {
	return []string{ConfigFile, StateFile, LastFile, bestFile, trainCSV, evalCSV, LogFile, LossPlot, MetricsPlot}
}

// CheckNew is an error that names the first file in a folder without a saved run
// that a new run would write over and that no run has left: somebody's train.csv
// is not that of a run that failed early. Whether config.yaml is a run's, the
// caller says, who can read it.
func CheckNew(dir string, isConfig func(text string) bool) error {
	for _, f := range []struct {
		name  string
		isRun func(start []byte) bool
	}{
		{ConfigFile, func(text []byte) bool { return isConfig(string(text)) }},
		{trainCSV, func(start []byte) bool { return begins(start, "step,epoch,lr,loss") }},
		{evalCSV, func(start []byte) bool { return begins(start, "step,epoch,") }},
		{LogFile, func(start []byte) bool { return begins(start, `{"kind":"`) }},
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
			return fmt.Errorf("%s: is there already and is no file of a run: choose another --out", path)
		}
	}
	return nil
}

// begins tells whether the start of a log is that of a run's, of which a kill
// may have left a part.
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
