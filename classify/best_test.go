package classify

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A trainer is not made for a metric that its evaluations do not have.
func TestTrainerRefusesBest(t *testing.T) {
	data, val := openSmall(t, 10, 2)
	for best, want := range map[string]string{"top1": "", "top5": "", "AP": "train.best = AP: must be top1 or top5", "top2": "train.best = top2: must be top1 or top5; did you mean top1?"} {
		c := small(t)
		c.Train.Best = best
		m, err := New(c, data.Classes, 1)
		require.NoError(t, err)
		trainer, err := NewTrainer(m, processor(t), val, nil)
		if want == "" {
			require.NoError(t, err)
			trainer.Close()
			continue
		}
		require.EqualError(t, err, want)
	}
}
