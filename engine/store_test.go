package engine_test

import (
	"testing"

	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStore(t *testing.T) {
	dev := ref.New(ref.Options{})
	params := nn.NewParams(1)
	g := nn.NewGraph(params, false)
	g.Param("w", nn.Weight, nn.Constant(2), 3)
	g.Param("unused", nn.Weight, nn.Constant(7), 1)
	w := params.Get("w")
	store := engine.NewStore(dev, params)
	defer store.Close()

	require.NoError(t, store.Upload(), "parameters that no plan needs yet are not uploaded")
	v, err := store.Tensor(w, engine.Float32)
	require.NoError(t, err)
	assert.EqualValues(t, 1, *v.Version)
	again, err := store.Tensor(w, engine.Float32)
	require.NoError(t, err)
	assert.Equal(t, v, again, "once for all plans")
	_, err = store.Tensor(w, engine.Float64)
	assert.ErrorContains(t, err, "parameter w is stored as f32, a plan wants f64")

	device := func() []float32 {
		got := make([]float32, 3)
		require.NoError(t, dev.Read(got, v.Mem))
		return got
	}
	assert.Equal(t, []float32{2, 2, 2}, device())
	w.Data[1] = 5
	require.NoError(t, store.Upload(w))
	assert.EqualValues(t, 2, *v.Version, "an upload is a change")
	assert.Equal(t, []float32{2, 5, 2}, device())
	require.NoError(t, dev.Write(v.Mem, []float32{7, 8, 9}))
	require.NoError(t, store.Download())
	assert.Equal(t, []float32{7, 8, 9}, w.Data)
	assert.EqualValues(t, 2, *v.Version, "a download is none")
}

// The numbers are those of torch.nn.BatchNorm2d(2) in training mode after one
// forward of (1, 2, 1, 3) values [1, 2, 6] and [0, 0, 3]:
// running_mean = 0.1 mean, running_var = 0.9 + 0.1 unbiased variance.
func TestUpdateRunning(t *testing.T) {
	dev := ref.New(ref.Options{Fuse: true})
	params := nn.NewParams(1)
	g := nn.NewGraph(params, true)
	var x, y *nn.Node
	require.NoError(t, nn.Build(func() {
		x = g.Input("x", 1, 1, 3, 2)
		y = g.Norm(x, "n")
		g.Norm(nn.Relu(x), "unreached") // statistics of what does not run stay
	}))
	store := engine.NewStore(dev, params)
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{y}}})
	require.NoError(t, err)
	require.NoError(t, plan.Write(x, []float32{1, 0, 2, 0, 6, 3}))
	require.NoError(t, plan.RunAll())
	requireRunning(t, store, plan)
	assert.InDeltaSlice(t, []float32{0.3, 0.1}, params.Get("n.running_mean").Data, 1e-6)
	assert.InDeltaSlice(t, []float32{0.9 + 0.7, 0.9 + 0.3}, params.Get("n.running_var").Data, 1e-6)
	assert.Equal(t, []float32{0, 0}, params.Get("unreached.running_mean").Data)
	assert.Equal(t, []float32{1, 1}, params.Get("unreached.running_var").Data)
}

// requireRunning moves the running statistics by the batch that a plan has just run.
func requireRunning(t *testing.T, store *engine.Store, plan *engine.Plan) {
	moments, err := plan.Moments()
	require.NoError(t, err)
	require.NoError(t, store.UpdateRunning(moments))
}
