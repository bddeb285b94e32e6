package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShippedStart(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	require.Equal(t, noInit, shippedStart([]string{first, second}))
	path := write(t, filepath.Join(second, startModel), "")
	require.Equal(t, path, shippedStart([]string{first, second}))
	require.NotEmpty(t, modelFolders())
}
