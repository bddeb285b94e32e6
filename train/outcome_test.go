package train

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// measured is a model whose evaluations give the values of a list.
type measured struct {
	*quadratic
	values []float64
}

func (m *measured) Evaluate(context.Context) ([]Metric, error) {
	value := m.values[0]
	m.values = m.values[1:]
	return []Metric{{"AP", value}}, nil
}

// An AP that is not defined is no best, and no evaluation without a better one.
func TestOutcomeWithoutDefinedMetric(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		best   *float64
		epoch  int
		file   string
	}{
		"never defined": {[]float64{-1, -1, -1, -1}, nil, 0, LastFile},
		"defined later": {[]float64{-1, -1, -1, 0}, new(float64), 4, bestFile},
	} {
		t.Run(name, func(t *testing.T) {
			loop, model := toy(t.TempDir())
			loop.Model, loop.Config.Patience = &measured{model, c.values}, 2
			require.NoError(t, loop.Run(context.Background(), false))
			outcome, err := loop.Outcome()
			require.NoError(t, err)
			require.Equal(t, Outcome{Model: filepath.Join(loop.Dir, c.file), Best: c.best, Epoch: c.epoch, Steps: 12}, outcome)
			require.FileExists(t, outcome.Model)
			if c.best == nil {
				require.NoFileExists(t, filepath.Join(loop.Dir, bestFile))
			}
		})
	}
}
