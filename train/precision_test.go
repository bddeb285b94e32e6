package train

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// update says of 2000 good steps in a row, and of bad ones, what becomes of a scale.
func TestLossScale(t *testing.T) {
	require.Nil(t, newLossScale(Float32))
	require.Nil(t, newLossScale(BFloat16))
	require.Equal(t, 1.0, newLossScale(Float32).factor())
	s := newLossScale(Float16)
	require.Equal(t, 65536.0, s.factor())
	for _, c := range []struct {
		finite bool
		times  int
		want   LossScale
	}{
		{true, 1999, LossScale{65536, 1999}},
		{true, 1, LossScale{131072, 0}},
		{true, 1500, LossScale{131072, 1500}},
		{false, 1, LossScale{65536, 0}},
		{true, 2, LossScale{65536, 2}},
		{false, 16, LossScale{1, 0}},
		{true, 2000, LossScale{2, 0}},
		{false, 1, LossScale{1, 0}},
	} {
		for range c.times {
			require.True(t, s.update(c.finite))
		}
		require.Equal(t, c.want, *s)
	}
	require.False(t, s.update(false), "nothing is left to halve")
}

// weights of a run's last model.
func weights(t *testing.T, dir string) checkpoint.Tensor {
	t.Helper()
	f, err := checkpoint.Load(filepath.Join(dir, LastFile))
	require.NoError(t, err)
	w, ok := f.Tensor("w")
	require.True(t, ok)
	return w
}

// A scale changes no bits, not of clipped gradients either; a step whose gradients are not finite changes no
// parameter, and the data goes on.
func TestFloat16Run(t *testing.T) {
	for name, edit := range map[string]func(*Config){
		"steps of several batches": func(*Config) {},
		"clipped":                  func(c *Config) { c.ClipNorm = 0.5 },
		"of one batch":             func(c *Config) { c.Accumulate = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			dirs := map[Precision]string{Float32: t.TempDir(), Float16: t.TempDir()}
			for precision, dir := range dirs {
				loop, _ := toy(dir)
				edit(&loop.Config)
				loop.Config.Precision = precision
				require.NoError(t, loop.Run(context.Background(), false))
			}
			require.Equal(t, weights(t, dirs[Float32]), weights(t, dirs[Float16]))
		})
	}
	dir := t.TempDir()
	loop, model := toy(dir)
	loop.Config.Precision, loop.Config.EMADecay = Float16, 0
	model.largest = 1e5 // so are the first gradients, multiplied by 65536 or 32768
	steps := 0
	before := append(hostMemory{}, model.w...)
	model.backward = func([]float32, []Metric) {
		if steps++; steps <= 2 { // the two batches of the first step
			require.Equal(t, before, model.w)
		}
	}
	require.NoError(t, loop.Run(context.Background(), false))
	require.Equal(t, 20, steps)
	require.Equal(t, 12, loop.state.Step)
	require.Less(t, loop.state.Scale.Factor, 65536.0)
	require.NotEqual(t, before, model.w)
}

// When nothing is left of the scale, gradients that are not finite end the run, as losses always do.
func TestFloat16Overflow(t *testing.T) {
	dir := t.TempDir()
	loop, model := toy(dir)
	loop.Config.Precision, loop.Config.Epochs = Float16, 9
	model.largest = 1e-9
	var overflow *OverflowError
	require.ErrorAs(t, loop.Run(context.Background(), false), &overflow)
	require.Equal(t, 17, overflow.Step)
	require.Equal(t, []string{"0.42857143.jpg", "other.jpg", "0.5714286.jpg", "other.jpg"}, overflow.Images)
	require.ErrorContains(t, overflow, "step 17: gradients are not finite in float16 on images 0.42857143.jpg, other.jpg")

	loop, model = toy(t.TempDir())
	loop.Config.Precision = Float16
	model.backward = func(_ []float32, losses []Metric) { losses[0].Value = math.Inf(1) }
	err := loop.Run(context.Background(), false)
	require.True(t, errors.As(err, new(*NonFiniteError)), err)
}
