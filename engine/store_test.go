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

// A weight is on the device as floats, in parts of bytes or as both, whatever it is on the host.
func TestStoreOfBytes(t *testing.T) {
	params := nn.NewParams(1)
	g := nn.NewGraph(params, false)
	g.Param("w", nn.Weight, nn.Constant(2), 2, 3)
	parts := map[string][]int{"w": {0, 1}}
	for name, set := range map[string]*nn.Params{"float": params, "quantized": params.WithBytes(parts)} {
		t.Run(name, func(t *testing.T) {
			dev, w := ref.New(ref.Options{}), set.Get("w")
			store := engine.NewStore(dev, set)
			defer store.Close()
			require.Empty(t, store.BytesWeights())
			bytes, scales, err := store.Bytes(w, 1, 3)
			require.NoError(t, err)
			require.Equal(t, engine.Desc{Shape: nn.Shape{2, 2}, Type: engine.UInt8}, bytes.Desc)
			got, factors := make([]uint8, 4), make([]float32, 2)
			require.NoError(t, dev.Read(got, bytes.Mem))
			require.NoError(t, dev.Read(factors, scales.Mem))
			assert.Equal(t, []uint8{255, 255, 255, 255}, got)
			assert.Equal(t, []float32{2. / 127, 2. / 127}, factors)
			assert.Empty(t, store.BytesWeights(), "not all of its parts")
			_, _, err = store.Bytes(w, 0, 1)
			require.NoError(t, err)
			assert.Equal(t, parts, store.BytesWeights())
			again, _, err := store.Bytes(w, 1, 3)
			require.NoError(t, err)
			assert.Equal(t, bytes, again, "once for all plans")

			floats, err := store.Tensor(w, engine.Float32)
			require.NoError(t, err)
			values := make([]float32, 6)
			require.NoError(t, dev.Read(values, floats.Mem))
			assert.InDeltaSlice(t, []float32{2, 2, 2, 2, 2, 2}, values, 1e-6)
			assert.Empty(t, store.BytesWeights(), "floats, too")
			require.NoError(t, store.Upload())
			assert.EqualValues(t, 2, *bytes.Version)
			assert.EqualValues(t, 2, *floats.Version)
			require.NoError(t, store.Download())
			assert.Equal(t, name == "quantized", w.Data == nil)
			if w.Data == nil {
				_, _, err = store.Bytes(w, 0, 2)
				assert.EqualError(t, err, "engine: parameter w has no part w[0:2]")
			}
		})
	}
	_, err := engine.NewStore(ref.New(ref.Options{}), params).Tensor(params.Get("w"), engine.UInt8)
	assert.EqualError(t, err, "engine: parameter w: parameters are floats, a plan wants u8")
}
