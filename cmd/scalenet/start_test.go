package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/detector"
)

func TestShippedModel(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	require.Equal(t, noInit, shippedModel(startModel, []string{first, second}))
	path := write(t, filepath.Join(second, startModel), "")
	require.Equal(t, path, shippedModel(startModel, []string{first, second}))
	require.NotEmpty(t, modelFolders())
}

// TestStartFor: a training begins with the shipped model that has its network.
func TestStartFor(t *testing.T) {
	folders := []string{t.TempDir(), filepath.Join("..", "..", "models")}
	for preset, want := range map[string]string{"fpn_small": filepath.Join(folders[1], startBackbone), "fpn": noInit, "paper": noInit, "bccd": noInit} {
		c, err := detector.Presets().Get(preset)
		require.NoError(t, err)
		c, err = c.Resolve()
		require.NoError(t, err)
		path, err := startFor(c.Backbone, folders)
		require.NoError(t, err)
		require.Equal(t, want, path, preset)
		path, err = startFor(c.Backbone, folders[:1])
		require.NoError(t, err)
		require.Equal(t, noInit, path, "no model is there")
		write(t, filepath.Join(folders[0], startModel), "no model")
		_, err = startFor(c.Backbone, folders)
		require.ErrorContains(t, err, startModel)
		require.NoError(t, os.Remove(filepath.Join(folders[0], startModel)))
	}
}
