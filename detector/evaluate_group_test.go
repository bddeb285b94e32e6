package detector

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/collective"
	"scalenet/internal/shard"
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
				require.Len(t, together.Timings, len(data.Images), "of all images")
			})
		}
		wg.Wait()
	}
}

// The parts of an evaluation, merged, are the whole.
func TestEvaluateShards(t *testing.T) {
	data := images(t)
	whole, err := evaluator(t, nil).Evaluate(t.Context(), data, EvaluateOptions{})
	require.NoError(t, err)
	var paths []string
	for i := range 3 {
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		paths = append(paths, path)
		part, err := evaluator(t, nil).Evaluate(t.Context(), data, EvaluateOptions{Partial: path, Shard: shard.Shard{Index: i, Of: 3}})
		require.NoError(t, err)
		require.Nil(t, part.Evaluation)
	}
	parts, err := shard.Open(paths)
	require.NoError(t, err)
	merged, err := MergeParts(parts, data.Path)
	require.NoError(t, err)
	require.Equal(t, whole.Results, merged)
}
