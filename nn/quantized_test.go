package nn

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/checkpoint"
)

func TestRoundPart(t *testing.T) {
	tiny := float32(math.SmallestNonzeroFloat32)
	for name, c := range map[string]struct {
		shape    Shape
		data     []float32
		from, to int
		scales   []float32
		bytes    []uint8
	}{
		"zeros":           {Shape{1, 2}, []float32{0, 0}, 0, 2, []float32{0}, []uint8{128, 128}},
		"to the even":     {Shape{1, 4}, []float32{254, 127, -127, 3}, 0, 4, []float32{2}, []uint8{255, 192, 64, 130}}, // 63.5 and 1.5
		"by channel":      {Shape{2, 2, 1, 1}, []float32{1, 0, 0, -100}, 0, 2, []float32{float32(1. / 127), float32(100. / 127)}, []uint8{255, 128, 128, 1}},
		"part":            {Shape{2, 3, 1, 2}, []float32{9, 9, 127, 1, 9, 9, 9, 9, -2, 254, 9, 9}, 1, 2, []float32{1, 2}, []uint8{255, 129, 127, 255}},
		"below a float32": {Shape{1, 2}, []float32{tiny, -tiny}, 0, 2, []float32{0}, []uint8{128, 128}},
	} {
		t.Run(name, func(t *testing.T) {
			q := Param{Shape: c.shape, Data: c.data}
			assert.Equal(t, Part{c.from, c.to, c.bytes, c.scales}, q.RoundPart(c.from, c.to))
		})
	}
}

// set returns a convolution's weight with a bias.
func set(t *testing.T, params *Params) *Params {
	t.Helper()
	require.NoError(t, Build(func() {
		g := NewGraph(params, false)
		g.Param("w", Weight, Normal(1), 3, 2, 1, 1)
		g.Param("b", Bias, Normal(1), 3)
	}))
	return params
}

// Bytes go through a file without a change, in one part or in several. A set with values, as in training, takes them as floats.
func TestQuantizedFile(t *testing.T) {
	for name, c := range map[string]struct {
		begins []int
		names  []string
	}{
		"whole": {[]int{0}, []string{"w", "w_scale", "b"}},
		"parts": {[]int{0, 1}, []string{"w[0:1]", "w[0:1]_scale", "w[1:2]", "w[1:2]_scale", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			params := set(t, NewParams(1))
			rounded := params.WithBytes(map[string][]int{"w": c.begins})
			w := rounded.Get("w")
			require.True(t, w.Quantized())
			require.Nil(t, w.Data)
			require.False(t, params.Get("w").Quantized(), "the set itself stays")
			require.InDeltaSlice(t, params.Get("w").Data, w.Floats(), 0.02)
			path := filepath.Join(t.TempDir(), "int8.safetensors")
			require.NoError(t, checkpoint.Save(path, &checkpoint.File{Tensors: rounded.Tensors()}))

			fresh := set(t, NewShapes())
			report, err := fresh.Load(path)
			require.NoError(t, err)
			require.Equal(t, c.names, report.Matched)
			require.Empty(t, report.LeftOver)
			require.Equal(t, w, fresh.Get("w"))
			require.Equal(t, params.Get("b"), fresh.Get("b"))

			trained := set(t, NewParams(2))
			data := trained.Get("w").Data
			_, err = trained.Load(path)
			require.NoError(t, err)
			require.Equal(t, w.Floats(), data, "in the slice that a store may have mapped")

			fresh.Dequantize()
			require.Equal(t, w.Floats(), fresh.Get("w").Data)
			again := fresh.WithBytes(map[string][]int{"w": c.begins}).Get("w")
			for i, part := range w.Parts {
				require.Equal(t, part.Bytes, again.Parts[i].Bytes, "rounding bytes again changes none")
			}
		})
	}
}

func TestDamagedQuantizedFile(t *testing.T) {
	i8 := checkpoint.Int8Tensor("w", []int{3, 2, 1, 1}, make([]int8, 6))
	scale := func(values ...float32) checkpoint.Tensor {
		return checkpoint.Float32Tensor("w_scale", []int{len(values)}, values)
	}
	b := checkpoint.Float32Tensor("b", []int{3}, make([]float32, 3))
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		tensors []checkpoint.Tensor
		want    string
	}{
		"negative": {[]checkpoint.Tensor{i8, scale(1, -1, 1), b}, `tensor "w_scale" has the value -1 at [1]: scales must be from 0 to below 2^64`},
		"NaN":      {[]checkpoint.Tensor{i8, scale(1, 1, nan), b}, `tensor "w_scale" has the value NaN at [2]`},
		"infinite": {[]checkpoint.Tensor{i8, scale(float32(math.Inf(1)), 1, 1), b}, `tensor "w_scale" has the value +Inf at [0]`},
		"no weight": {[]checkpoint.Tensor{i8, scale(1, 1, 1), checkpoint.Int8Tensor("b", []int{3}, make([]int8, 3)), checkpoint.Float32Tensor("b_scale", []int{3}, make([]float32, 3))},
			`tensor "b" is I8: only weights of convolutions and linear layers can be`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.safetensors")
			require.NoError(t, checkpoint.Save(path, &checkpoint.File{Tensors: c.tensors}))
			_, err := set(t, NewShapes()).Load(path)
			require.ErrorContains(t, err, path+": "+c.want)
		})
	}
	part := func(name string, ins int) []checkpoint.Tensor {
		return []checkpoint.Tensor{checkpoint.Int8Tensor(name, []int{3, ins, 1, 1}, make([]int8, 3*ins)), checkpoint.Float32Tensor(name+"_scale", []int{3}, make([]float32, 3)), b}
	}
	for name, c := range map[string]struct {
		tensors []checkpoint.Tensor
		want    string
	}{
		"no scales":      {[]checkpoint.Tensor{i8, b}, "w_scale"},
		"two scales":     {[]checkpoint.Tensor{i8, scale(1, 1), b}, "w_scale"},
		"a part":         {part("w[0:1]", 1), "w"},
		"parts twice":    {append(part("w[0:1]", 1), part("w", 2)[:2]...), "w"},
		"beyond the end": {part("w[0:3]", 3), "w"},
		"empty part":     {append(part("w[0:2]", 2), checkpoint.Int8Tensor("w[2:2]", []int{3, 0, 1, 1}, nil)), "w"},
		"odd name":       {part("w[0:2", 2), "w"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.safetensors")
			require.NoError(t, checkpoint.Save(path, &checkpoint.File{Tensors: c.tensors}))
			fresh := set(t, NewShapes())
			report, err := fresh.Load(path)
			if err == nil {
				err = report.Err(path)
			}
			require.ErrorContains(t, err, c.want)
			require.Nil(t, fresh.Get("w").Parts)
			trained := set(t, NewParams(1))
			before := slices.Clone(trained.Get("w").Data)
			trained.Load(path) // an error if "w" is there, too
			require.Equal(t, before, trained.Get("w").Data)
		})
	}
}
