package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/train"
)

// The partial results of an evaluation that still runs are not taken away from it, and those of one that ended are.
func TestEvalForceReplacesPartial(t *testing.T) {
	dir := t.TempDir()
	model := tinyModel(t, dir)
	for name, more := range map[string][]string{"whole": nil, "part": {"--shard", "0/2"}} {
		results := filepath.Join(dir, name)
		eval := append([]string{"eval", "--model", model, "--data", instancesFile, "--images", imagesDir, "--results", results, "--force"}, more...)
		running, err := os.Create(results + ".partial")
		require.NoError(t, err)
		require.NoError(t, train.LockFile(running))
		status, _, stderr := scalenet(eval...)
		requireError(t, status, stderr, name+".partial: an evaluation in another process writes to this file")
		require.FileExists(t, running.Name())
		require.NoFileExists(t, results)

		require.NoError(t, running.Close())
		status, _, stderr = scalenet(eval...)
		require.Zero(t, status, stderr)
		require.NoFileExists(t, running.Name())
		require.FileExists(t, results)
	}
}

// At the end, a process removes its own file only.
func TestHeldPartial(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "p"), "own")
	held, err := holdPartial(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	write(t, path, "another's")
	require.NoError(t, held.remove())
	require.FileExists(t, path)

	held, err = holdPartial(path)
	require.NoError(t, err)
	_, err = holdPartial(path)
	require.ErrorContains(t, err, "another process writes to this file")
	require.NoError(t, held.remove())
	require.NoFileExists(t, path)
	held, err = holdPartial(path)
	require.NoError(t, err)
	require.NoError(t, held.remove(), "no file")
}
