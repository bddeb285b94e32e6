//go:build gpu

package cuda

import (
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A plan is recorded in its second run: later ones see new inputs and parameters, and go on when other kernels have moved the shared memory.
func TestRecordedPlan(t *testing.T) {
	for _, refused := range []string{"", "cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"} {
		t.Run("refused "+refused, func(t *testing.T) {
			if refused != "" {
				onFakeLibraries(t)
			}
			d := newDevice(t)
			g := nn.NewGraph(nn.NewParams(1), false)
			x := g.Input("x", 1, 5, 5, 3)
			y := nn.Relu(g.BiasedConv(x, "conv", 4, 3, nn.Conv2D{Stride: 1, Pad: 1}, 1))
			mean := nn.GlobalAvgPool(y)
			store := engine.NewStore(d, g.Params)
			defer store.Close()
			plan, err := engine.Compile(d, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{mean}}})
			require.NoError(t, err)
			defer plan.Close()
			input := make([]float32, 75)
			run := func(scale float32) []float32 {
				for i := range input {
					input[i] = scale * float32(i%7)
				}
				require.NoError(t, plan.Write(x, input))
				require.NoError(t, plan.RunAll())
				got := make([]float32, 4)
				require.NoError(t, plan.Read(mean, got))
				return got
			}
			t.Setenv("SCALENET_FAKE_FAIL", refused)
			first := run(1)
			for range 3 {
				require.Equal(t, first, run(1))
			}
			require.NotEqual(t, first, run(2))
			bias := g.Params.Get("conv.bias")
			for i := range bias.Data {
				bias.Data[i] += 100
			}
			require.NoError(t, store.Upload(bias))
			after := run(1)
			assert.Greater(t, after[0], first[0]+50, "the new bias counts")
			require.NoError(t, d.Do(func() error { return d.reserve(d.sharedSize + 1<<20) }))
			require.Equal(t, after, run(1))
			require.Equal(t, after, run(1))
		})
	}
}

func TestRecordRefusesForeignKernels(t *testing.T) {
	assert.Nil(t, newDevice(t).Record([]engine.Kernel{nil}))
}
