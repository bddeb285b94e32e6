package detector

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
	"scalenet/coco/threshold"
)

// Storing thresholds changes one entry of the metadata: the tensors keep their bytes, and a link stays one.
func TestStoreThresholds(t *testing.T) {
	path := changed(t, newModel(t, smallConfig()), func(f *checkpoint.File) { f.Metadata["note"] = "mine" })
	require.NoError(t, os.Chmod(path, 0o640))
	link := filepath.Join(t.TempDir(), "link.safetensors")
	require.NoError(t, os.Symlink(path, link))
	before, err := checkpoint.Load(path)
	require.NoError(t, err)
	m, err := Load(link)
	require.NoError(t, err)
	require.Nil(t, m.Thresholds)
	chosen := chosenFor(m.Classes, .25, 0)
	require.NoError(t, m.StoreThresholds(link, chosen))

	after, err := checkpoint.Load(path)
	require.NoError(t, err)
	require.Equal(t, before.Tensors, after.Tensors)
	require.NotEmpty(t, after.Metadata[checkpoint.ThresholdsKey])
	delete(after.Metadata, checkpoint.ThresholdsKey)
	require.Equal(t, before.Metadata, after.Metadata)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())

	with, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, chosen, with.Thresholds)
	require.Equal(t, m.Tensors(), with.Tensors())
	require.NotEqual(t, m.Digest, with.Digest, "a server sees that the file has changed")
	require.ErrorContains(t, m.StoreThresholds(path, chosen), path+": the file has changed since it was read")
	require.NoError(t, with.StoreThresholds(path, chosenFor(m.Classes, 0, .5)), "thresholds are replaced")

	// They go with a copy of the model, but not with other parameters.
	copied := filepath.Join(t.TempDir(), "copy.safetensors")
	require.NoError(t, with.Save(copied))
	again, err := Load(copied)
	require.NoError(t, err)
	require.Equal(t, chosen, again.Thresholds)
	require.NotContains(t, with.Metadata(), checkpoint.ThresholdsKey, "what a training run writes")
	fresh, err := New(with.Config, with.Classes, 1)
	require.NoError(t, err)
	_, err = fresh.Init(copied)
	require.NoError(t, err)
	require.Nil(t, fresh.Thresholds)
}

func TestLoadRefusesThresholdsOfSomethingElse(t *testing.T) {
	m := newModel(t, smallConfig())
	text := func(change func(*threshold.Chosen)) string {
		chosen := chosenFor(m.Classes, .25, 0)
		change(chosen)
		b, err := json.Marshal(chosen)
		require.NoError(t, err)
		return string(b)
	}
	for want, stored := range map[string]string{
		"is not the JSON of thresholds":            "[]",
		"thresholds of 0 classes, the model has 2": "{}",
		"thresholds of 1 classes":                  text(func(c *threshold.Chosen) { c.Classes = c.Classes[1:] }),
		`class 2 is "x", the model's is`:           text(func(c *threshold.Chosen) { c.Classes[1].Name = "x" }),
		"threshold 1.5, want a number from 0 to 1": text(func(c *threshold.Chosen) { c.Classes[0].Point.Threshold.Value = 1.5 }),
		"bytes are too many":                       string(make([]byte, maxThresholds+1)),
	} {
		path := changed(t, m, func(f *checkpoint.File) { f.Metadata[checkpoint.ThresholdsKey] = stored })
		_, err := Load(path)
		require.ErrorContains(t, err, path+": metadata scalenet.thresholds: ")
		require.ErrorContains(t, err, want)
		require.Less(t, len(err.Error()), 600)
	}
}
