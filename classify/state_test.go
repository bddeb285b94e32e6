package classify

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/backbone"
	"scalenet/checkpoint"
)

// The state of a run, of a detector too, is no model to load or to begin from.
func TestRefusesTheStateOfARun(t *testing.T) {
	c := Default()
	c.Backbone = backbone.Config{Name: "resnet", Stem: backbone.Stem{Channels: 8, Kernel: 3}, Blocks: []int{1, 1}, Planes: []int{4, 8}}
	c.Input.Size, c.Input.TestResize = 32, 36
	m, err := New(c, []string{"a", "b"}, 1)
	require.NoError(t, err)
	for _, key := range []string{checkpoint.ClassifierKey, checkpoint.DetectorKey} {
		path := filepath.Join(t.TempDir(), "state.safetensors")
		metadata := map[string]string{key: m.Config.YAML(), checkpoint.StateKey: "{}"}
		require.NoError(t, checkpoint.Save(path, &checkpoint.File{Metadata: metadata, Tensors: m.Params.Tensors()}))
		_, err := Load(path)
		require.ErrorContains(t, err, path+": the state of a training run, not a model; best.safetensors")
		_, err = m.Init(path)
		require.ErrorContains(t, err, path+": the state of a training run, not a model; best.safetensors")
	}
}
