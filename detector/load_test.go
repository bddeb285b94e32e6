package detector

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// changed is a file of the model with its configuration or tensors changed, as
// an earlier version of the program, which wrote no digest, may have left it.
func changed(t *testing.T, m *Model, change func(*checkpoint.File)) string {
	t.Helper()
	f := &checkpoint.File{Metadata: m.Metadata(), Tensors: m.Tensors()}
	change(f)
	path := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, checkpoint.Save(path, f))
	return path
}

func replace(key, old, now string) func(*checkpoint.File) {
	return func(f *checkpoint.File) { f.Metadata[key] = strings.Replace(f.Metadata[key], old, now, 1) }
}

func TestLoadKeepsValuesAndDigest(t *testing.T) {
	m := newModel(t, smallConfig())
	path := changed(t, m, func(*checkpoint.File) {})
	got, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, m.Tensors(), got.Tensors())
	require.Equal(t, m.Config, got.Config)
	require.NotEqual(t, checkpoint.Digest{}, got.Digest)
	again, err := Load(path, checkpoint.NoVerify)
	require.NoError(t, err)
	require.Equal(t, got.Digest, again.Digest)
}

func TestLoadRefusesTheStateOfARun(t *testing.T) {
	path := changed(t, newModel(t, smallConfig()), func(f *checkpoint.File) { f.Metadata[checkpoint.StateKey] = "{}" })
	_, err := Load(path)
	require.ErrorContains(t, err, path+": the state of a training run, not a model")
}

func TestLoadRefusesDamage(t *testing.T) {
	path := changed(t, newModel(t, smallConfig()), func(*checkpoint.File) {})
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, at := range []int{len(b) - 1, len(b) / 2} {
		b[at] ^= 1
		require.NoError(t, os.WriteFile(path, b, 0o644))
		_, err = Load(path)
		require.ErrorContains(t, err, path+": the file is damaged")
		_, err = Load(path, checkpoint.NoVerify)
		require.NoError(t, err)
		b[at] ^= 1
	}
}

func TestLoadRefusesValuesThatNoTrainingGives(t *testing.T) {
	m := newModel(t, smallConfig())
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30, -1e20} {
		path := changed(t, m, func(f *checkpoint.File) {
			f.Tensors[0] = checkpoint.Float32Tensor(f.Tensors[0].Name, f.Tensors[0].Shape, make([]float32, f.Tensors[0].Len()))
			copy(f.Tensors[0].Data[12:], checkpoint.Float32Tensor("", nil, []float32{float32(value)}).Data)
		})
		want := fmt.Sprintf("%s: tensor %q has the value %v at [3]", path, m.Params.All()[0].Name, float32(value))
		_, err := Load(path)
		require.ErrorContains(t, err, want)
		_, err = Load(path, checkpoint.NoVerify)
		require.ErrorContains(t, err, want, "also in a hurry")
		_, err = newModel(t, smallConfig()).Init(path)
		require.ErrorContains(t, err, want)
	}
	path := changed(t, m, func(f *checkpoint.File) {
		for i, t := range f.Tensors {
			if strings.HasSuffix(t.Name, "running_var") {
				f.Tensors[i] = checkpoint.Float32Tensor(t.Name, t.Shape, append(make([]float32, t.Len()-1), -1))
			}
		}
	})
	_, err := Load(path)
	require.ErrorContains(t, err, "a variance is not negative")
}

// What a configuration needs is compared with the file before memory is taken
// for it: the shapes below ask for up to 10^15 bytes.
func TestLoadComparesBeforeItAllocates(t *testing.T) {
	m := newModel(t, smallConfig())
	for old, now := range map[string]string{
		fmt.Sprintf("    channels: %d\n    objectness", m.Config.RPN.Channels): "    channels: 16384\n    objectness",
		fmt.Sprintf("    planes: [%d", m.Config.Backbone.Planes[0]):            "    planes: [16384",
		fmt.Sprintf("        channels: %d\n", m.Config.Backbone.Stem.Channels): "        channels: 16384\n",
	} {
		require.Contains(t, m.Metadata()[checkpoint.DetectorKey], old)
		_, err := Load(changed(t, m, replace(checkpoint.DetectorKey, old, now)))
		require.ErrorContains(t, err, "the model wants")
	}
	_, err := Load(changed(t, m, func(f *checkpoint.File) {
		f.Metadata["scalenet.classes"] = `["` + strings.Repeat(`x","`, 1e6) + `"]`
	}))
	require.ErrorContains(t, err, "the model wants [1000002 ")
}
