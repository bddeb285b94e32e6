package classify

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/backbone"
	"scalenet/checkpoint"
)

// A classifier's file is refused, in a line, for sizes that none has, for
// parameters that it does not have, and for values that no training gives.
func TestLoadRefuses(t *testing.T) {
	c := Default()
	c.Backbone = backbone.Config{Name: "resnet", Stem: backbone.Stem{Channels: 8, Kernel: 3}, Blocks: []int{1, 1}, Planes: []int{4, 8}}
	c.Input.Size, c.Input.TestResize = 32, 36
	m, err := New(c, []string{"a", "b"}, 1)
	require.NoError(t, err)
	text := m.Metadata()[checkpoint.ClassifierKey]
	load := func(config string, classes []string, tensors []checkpoint.Tensor) error {
		path := filepath.Join(t.TempDir(), "m.safetensors")
		require.NoError(t, checkpoint.Save(path, &checkpoint.File{Metadata: checkpoint.Describe(checkpoint.ClassifierKey, config, classes), Tensors: tensors}))
		_, err := Load(path)
		return err
	}
	require.NoError(t, load(text, m.Classes, m.Params.Tensors()))
	for change, want := range map[[2]string]string{
		{"size: 32", "size: 200000"}:                            "input.size = 200000",
		{"test_resize: 36", "test_resize: 90000"}:               "input.test_resize = 90000",
		{"channels: 8", "channels: 16384"}:                      "the model wants [16384",
		{"channels: 8", "channels: 1000000000"}:                 "stem of 1000000000 channels",
		{"planes: [4, 8]", "planes: [4, 16384]"}:                "the model wants",
		{"blocks: [1, 1]", "blocks: [400, 1]"}:                  "more than",
		{"batch: ", "batch: 9"}:                                 "",
		{"mean: [", "mean: [.nan, 0, 0] #["}:                    "input.mean",
		{"augment:", strings.Repeat("#", 1<<18) + "\naugment:"}: "too many for a configuration",
	} {
		require.Contains(t, text, change[0])
		err := load(strings.Replace(text, change[0], change[1], 1), m.Classes, m.Params.Tensors())
		if want == "" {
			continue
		}
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
	require.ErrorContains(t, load(text, numbered(1e6+1), m.Params.Tensors()), "the model wants [1000001")
	tensors := m.Params.Tensors()
	copy(tensors[0].Data, checkpoint.Float32Tensor("", nil, []float32{float32(math.NaN())}).Data)
	require.ErrorContains(t, load(text, m.Classes, tensors), `tensor "conv1.weight" has the value NaN at [0]`)
	for dtype, size := range map[checkpoint.DType]int{checkpoint.I16: 2, checkpoint.I64: 8, checkpoint.Bool: 1, checkpoint.C64: 8} {
		tensors[0].DType, tensors[0].Data = dtype, make([]byte, tensors[0].Len()*size)
		require.ErrorContains(t, load(text, m.Classes, tensors), fmt.Sprintf(`tensor "conv1.weight": it is %s, want floating-point numbers`, dtype))
	}
	require.ErrorContains(t, load(text, []string{"a", "a"}, m.Params.Tensors()), `classes 1 and 2 have the same name "a"`)
	_, err = New(c, []string{"a", ""}, 1)
	require.EqualError(t, err, "classify: class 2 has no name", "before a run that would write it")
}

// numbered returns n class names.
func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}
