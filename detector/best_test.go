package detector

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A trainer is not made for a metric that its evaluations do not have.
func TestTrainerRefusesBest(t *testing.T) {
	for best, want := range map[string]string{
		"AP": "", "AP50": "", "AP50/b": "",
		"zzz":    "train.best = zzz: must be AP, AP50, AP50/a or AP50/b",
		"AP50/c": "train.best = AP50/c: must be AP, AP50, AP50/a or AP50/b; did you mean AP50/a?",
		"top1":   "train.best = top1: must be AP, AP50, AP50/a or AP50/b",
	} {
		c := smallConfig()
		c.Train.Best = best
		trainer, err := NewTrainer(newModel(t, c), newCPU(t), nil, nil)
		if want == "" {
			require.NoError(t, err)
			trainer.Close()
			continue
		}
		require.EqualError(t, err, want)
	}
}
