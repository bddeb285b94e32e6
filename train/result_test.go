package train

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"scalenet/internal/config"

	"github.com/stretchr/testify/require"
)

func TestReadResult(t *testing.T) {
	dir := t.TempDir()
	result, err := ReadResult(dir)
	require.NoError(t, err)
	require.Nil(t, result, "no run")

	loop, model := toy(dir)
	loop.Config.EvalEpochs = 2
	model.backward = func(batch []float32, _ []Metric) {
		if batch[1] == 3 {
			panic("killed in the last epoch")
		}
	}
	require.Panics(t, func() { loop.Run(t.Context(), false) })
	result, err = ReadResult(dir)
	require.NoError(t, err)
	require.False(t, result.Done)
	require.Equal(t, 9, result.Step)
	require.Len(t, result.Evaluated, 2)

	loop, model = toy(dir)
	loop.Config.EvalEpochs = 2
	require.NoError(t, loop.Run(t.Context(), true))
	result, err = ReadResult(dir)
	require.NoError(t, err)
	require.True(t, result.Done)
	require.Equal(t, 12, result.Step)
	want, err := model.Evaluate(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, want, result.Evaluated, "the averages were evaluated")
	require.Equal(t, "AP", result.Evaluated[0].Name)
	require.Equal(t, result.Evaluated[1].Value, result.Metric("AP50"))
	require.True(t, math.IsNaN(result.Metric("AP75")))

	// Killed between the state and the model: the model is older or missing.
	last := filepath.Join(dir, LastFile)
	require.NoError(t, os.Chtimes(last, time.Time{}, time.Now().Add(-time.Hour)))
	result, err = ReadResult(dir)
	require.NoError(t, err)
	require.False(t, result.Done)
	require.NoError(t, os.Remove(last))
	result, err = ReadResult(dir)
	require.NoError(t, err)
	require.False(t, result.Done)
	loop, _ = toy(dir)
	loop.Config.EvalEpochs = 2
	require.NoError(t, loop.Run(t.Context(), true))
	result, err = ReadResult(dir)
	require.NoError(t, err)
	require.True(t, result.Done)

	require.NoError(t, os.WriteFile(filepath.Join(dir, evalCSV), []byte("step,epoch,AP,best\n6,2,x,true\n12,4,y,true\n"), 0o644))
	_, err = ReadResult(dir)
	require.ErrorContains(t, err, `eval.csv: row 2: AP is "y"`)
	require.NoError(t, os.Remove(filepath.Join(dir, evalCSV)))
	_, err = ReadResult(dir)
	require.True(t, errors.Is(err, os.ErrNotExist))
	require.NoError(t, os.WriteFile(filepath.Join(dir, StateFile), []byte("broken"), 0o644))
	_, err = ReadResult(dir)
	require.ErrorContains(t, err, StateFile)
}

// A list that YAML reads back as empty is the one that was never there.
func TestResumeAfterYAML(t *testing.T) {
	a, b := DefaultConfig(), DefaultConfig()
	a.Groups, b.Groups = nil, []Group{}
	a.Schedule.Milestones, b.Schedule.Milestones = []int{}, nil
	key, _, _ := config.Difference(a, b)
	require.Empty(t, key)
}
