package train

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bytes are those that TensorBoard's own writer writes: testdata/events.py.
func TestEventsAsTensorBoard(t *testing.T) {
	want, err := os.ReadFile("testdata/events.tfevents")
	require.NoError(t, err)
	dir := t.TempDir()
	now := 1.5
	at := func() float64 { return now }
	e, err := openEvents(dir, 0, at)
	require.NoError(t, err)
	now = 2.25
	require.NoError(t, e.scalars(20, []Metric{{"train/loss", 1.25}, {"train/lr", 0.01}}))
	now = 3
	require.NoError(t, e.scalars(300, []Metric{{"eval/AP", 0.5}, {"eval/none", -1}}))
	require.NoError(t, e.Close())
	path := filepath.Join(dir, EventsFile)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := range 30 { // a run that was killed while it wrote
		now = 4
		require.NoError(t, os.WriteFile(path, append(whole[:len(whole):len(whole)], record([]byte("half of an event"))[:cut]...), 0o644))
		e, err = openEvents(dir, 300, at)
		require.NoError(t, err)
		now = 5
		require.NoError(t, e.scalars(320, []Metric{{"train/loss", math.NaN()}}))
		require.NoError(t, e.Close())
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func FuzzWholeRecords(f *testing.F) {
	f.Add(append(record([]byte("a")), record(nil)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		n := wholeRecords(file)
		require.LessOrEqual(t, n, len(file))
		require.Equal(t, n, wholeRecords(file[:n]))
	})
}
