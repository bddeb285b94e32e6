package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressOffTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "err"))
	require.NoError(t, err)
	p := NewProgress(f, time.Hour)
	for step := 1; step <= 3; step++ {
		p.step(Row{Step: step, Epoch: 1, LR: 0.01, Losses: []Metric{{"a", 1}, {"b", 0.5}}, ImagesPerSecond: 2}, 3, 1, 0)
	}
	p.evaluated(EvalRow{Epoch: 1, Metrics: []Metric{{"AP", 0.25}, {"AP/cell", 0.5}}, Best: true})
	p.finish()
	b, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	lines := strings.Split(string(b), "\n")
	require.Len(t, lines, 4)
	require.Equal(t, "step 1/3  epoch 1/1  loss 1.5000 (a 1.000, b 0.500)  lr 0.01  2.0 img/s  data wait 0%", lines[0])
	require.True(t, strings.HasPrefix(lines[1], "step 3/3"), lines[1])
	require.True(t, strings.HasSuffix(lines[1], "left"), lines[1])
	require.Equal(t, "epoch 1 evaluated: AP 0.25  (best so far)", lines[2])
	var silent *Progress
	silent.step(Row{}, 1, 1, 0)
	silent.evaluated(EvalRow{})
	silent.finish()
}
