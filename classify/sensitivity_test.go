package classify

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/classify/allocate"
)

// The sensitivity of a value is the slope of the loss with respect to the value's scale.
func TestSensitivity(t *testing.T) {
	data, val := openSmall(t, 30, 9)
	c := small(t)
	m, err := New(c, data.Classes, 1)
	require.NoError(t, err)
	dev := processor(t)
	var steps []int
	got, err := m.Sensitivity(context.Background(), dev, data, nil, 1, allocate.IsGamma, func(batch, of int) { steps = append(steps, batch, of) })
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, steps)
	require.NotEmpty(t, got)

	loader, err := NewLoader(m.Config, data, nil)
	require.NoError(t, err)
	defer loader.Close()
	batch, err := loader.Next(context.Background())
	require.NoError(t, err)
	trainer, err := NewTrainer(m, dev, val, nil)
	require.NoError(t, err)
	defer trainer.Close()
	for _, p := range m.Params.All() {
		values, ok := got[p.Name]
		require.Equal(t, allocate.IsGamma(p.Name), ok, p.Name)
		for i := range values {
			value := p.Data[i]
			lossAt := func(scale float32) float64 {
				p.Data[i] = scale * value
				require.NoError(t, trainer.store.Upload(p))
				loss, err := trainer.step.run(context.Background(), batch, 1, nil)
				require.NoError(t, err)
				return float64(loss)
			}
			const h = 0.02
			slope := (lossAt(1+h) - lossAt(1-h)) / (2 * h)
			lossAt(1)
			require.InDelta(t, math.Abs(slope), values[i], 1e-3, "%s [%d]", p.Name, i)
		}
	}
}

// Averages over batches, at most an epoch of them.
func TestSensitivityOfAnEpoch(t *testing.T) {
	data, _ := openSmall(t, 30, 9)
	c := small(t)
	m, err := New(c, data.Classes, 1)
	require.NoError(t, err)
	last := 0
	_, err = m.Sensitivity(context.Background(), processor(t), data, nil, 1000, allocate.IsGamma, func(batch, of int) { last = of })
	require.NoError(t, err)
	require.Equal(t, (30+m.Config.Batch-1)/m.Config.Batch, last)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = m.Sensitivity(ctx, processor(t), data, nil, 0, allocate.IsGamma, func(int, int) {})
	require.ErrorIs(t, err, context.Canceled)
}
