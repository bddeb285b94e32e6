package train

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLogCutsWhatIsDoneAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(log *Log, from, to int) {
		for i := from; i <= to; i++ {
			require.NoError(t, log.Train(Row{Step: i, Epoch: 1, Losses: []Metric{{"a,b", float64(i) / 3}}}))
			require.NoError(t, log.Eval(EvalRow{Step: i, Epoch: 1, Metrics: []Metric{{"AP", math.Inf(1)}}}))
		}
		require.NoError(t, log.Sync())
		require.NoError(t, log.Close())
	}
	read := func() string {
		var all string
		for _, name := range []string{trainCSV, evalCSV, LogFile} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			all += string(b)
		}
		return all
	}
	log, err := openLog(dir, &state{}, func(string) {})
	require.NoError(t, err)
	write(log, 1, 4)
	want := read()
	require.Contains(t, want, `"AP":null`)
	require.Contains(t, want, `"a,b"`)
	for keep := range 5 {
		f, err := os.OpenFile(filepath.Join(dir, trainCSV), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		fmt.Fprint(f, "7,half a li") // the process was killed while writing
		require.NoError(t, f.Close())
		log, err := openLog(dir, &state{Step: keep, TrainRows: keep, EvalRows: keep}, func(string) {})
		require.NoError(t, err)
		write(log, keep+1, 4)
		require.Equal(t, want, read())
	}
	// Other columns are no dead end: the old file is kept, and a new one begun.
	var told []string
	log, err = openLog(dir, &state{Step: 4, TrainRows: 4, EvalRows: 4}, func(s string) { told = append(told, s) })
	require.NoError(t, err)
	before, err := os.ReadFile(filepath.Join(dir, trainCSV))
	require.NoError(t, err)
	require.NoError(t, log.Train(Row{Step: 5, Losses: []Metric{{"other", 1}}}))
	require.NoError(t, log.Close())
	require.Len(t, told, 1)
	require.Contains(t, told[0], "train.csv: has the columns")
	kept, err := os.ReadFile(filepath.Join(dir, trainCSV+".1"))
	require.NoError(t, err)
	require.Equal(t, before, kept)
}
