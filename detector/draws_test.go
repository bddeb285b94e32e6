package detector

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/train"
)

// The losses of a batch do not depend on the batches before it.
func TestDrawsDependOnThePlace(t *testing.T) {
	data, dev := images(t), newCPU(t)
	c := smallConfig()
	c.Batch = 1
	m, err := New(c, data.ClassNames(), 3)
	require.NoError(t, err)
	loader, err := m.NewLoader(data, dev)
	require.NoError(t, err)
	defer loader.Close()
	losses := func(epoch int, batches ...int) (all [][]train.Metric) {
		trainer, err := NewTrainer(m, dev, data, nil)
		require.NoError(t, err)
		defer trainer.Close()
		for _, b := range batches {
			require.NoError(t, loader.Seek(epoch, b))
			batch, err := loader.Next(t.Context())
			require.NoError(t, err)
			g, err := trainer.Backward(t.Context(), batch, 1)
			require.NoError(t, err)
			all = append(all, g.Losses)
		}
		return all
	}
	one := losses(1, 0, 1, 2, 3)
	require.Equal(t, one[3], losses(1, 3)[0])
	require.Equal(t, one[1], losses(1, 3, 0, 1)[2])
	require.NotEqual(t, one[1], losses(2, 1)[0])
}
