package detector

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/collective"
)

// Several processes, goroutines here, find what one finds, in the same order.
func TestEvaluateTogether(t *testing.T) {
	data := images(t)
	alone, err := evaluator(t, nil).Evaluate(t.Context(), data, EvaluateOptions{})
	require.NoError(t, err)
	for _, n := range []int{1, 2, 3, 5} { // more than images, too
		var wg sync.WaitGroup
		for _, g := range collective.NewLocal(n, collective.Options{}) {
			d := evaluator(t, nil)
			wg.Go(func() {
				together, err := d.Evaluate(t.Context(), data, EvaluateOptions{Group: g})
				if err != nil {
					g.Abort(1, err)
				}
				require.NoError(t, err)
				require.Equal(t, alone.Results, together.Results)
				require.Equal(t, alone.Stats, together.Stats)
			})
		}
		wg.Wait()
	}
}
