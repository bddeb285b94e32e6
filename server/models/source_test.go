package models

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// TestSourcesEquals: what exists as a path is a path, whatever it is called, and
// so is what has a separator before the first =.
func TestSourcesEquals(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, folder := range []string{"lr=0.1", "runs"} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, "wd=0,lr=[1]"), 0o755))
	}
	for _, file := range []string{"lr=0.1/best.safetensors", "runs/wd=0,lr=[1]/best.safetensors", "x=1.safetensors", "1.safetensors"} {
		require.NoError(t, os.WriteFile(file, nil, 0o644))
	}
	absolute, err := filepath.Abs("lr=0.1/best.safetensors")
	require.NoError(t, err)
	for value, want := range map[string]Source{
		"lr=0.1/best.safetensors":                 {"best", "lr=0.1/best.safetensors"},
		"./lr=0.1/best.safetensors":               {"best", "./lr=0.1/best.safetensors"},
		absolute:                                  {"best", absolute},
		"runs/wd=0,lr=[1]/best.safetensors":       {"best", "runs/wd=0,lr=[1]/best.safetensors"},
		"runs/wd=0,lr=[1]":                        {"best", "runs/wd=0,lr=[1]/best.safetensors"},
		"lr=0.1":                                  {"best", "lr=0.1/best.safetensors"},
		"cells=lr=0.1/best.safetensors":           {"cells", "lr=0.1/best.safetensors"},
		"cells=runs/wd=0,lr=[1]/best.safetensors": {"cells", "runs/wd=0,lr=[1]/best.safetensors"},
		"x=1.safetensors":                         {"x=1", "x=1.safetensors"}, // both are there: the path
		"y=1.safetensors":                         {"y", "1.safetensors"},
	} {
		t.Run(value, func(t *testing.T) {
			got, skipped, err := Sources([]string{value})
			require.NoError(t, err)
			assert.Empty(t, skipped)
			assert.Equal(t, []Source{want}, got)
		})
	}
	for value, want := range map[string]string{
		"lr=0.2/best.safetensors":      "--model lr=0.2/best.safetensors: stat 0.2/best.safetensors: no such file",
		"runs/lr=0.2/best.safetensors": "--model runs/lr=0.2/best.safetensors: stat runs/lr=0.2/best.safetensors: no such file",
		"=1.safetensors":               `--model "=1.safetensors": want FILE, NAME=FILE or FOLDER`,
		"cells=":                       `--model "cells=": want FILE, NAME=FILE or FOLDER`,
		"":                             `--model "": want FILE, NAME=FILE or FOLDER`,
	} {
		t.Run(value, func(t *testing.T) {
			_, _, err := Sources([]string{value})
			require.ErrorContains(t, err, want)
		})
	}
}

// TestSourcesFolder: a folder's files are models by what they are: not hidden
// ones, nor those whose metadata says that they are something else. The folder's
// name is no pattern.
func TestSourcesFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "run [1]*?{a,b}\\")
	require.NoError(t, os.Mkdir(folder, 0o755))
	save := func(name string, keys ...string) string {
		metadata := map[string]string{}
		for _, key := range keys {
			metadata[key] = "x"
		}
		path := filepath.Join(folder, name)
		require.NoError(t, checkpoint.Save(path, &checkpoint.File{Metadata: metadata}))
		return path
	}
	state := save("state.safetensors", checkpoint.StateKey, checkpoint.DetectorKey)
	_, _, err := Sources([]string{folder})
	require.ErrorContains(t, err, state+" is the state of a training run")

	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder.safetensors"), 0o755))
	best, last := save("best.safetensors", checkpoint.DetectorKey), save("last.safetensors", checkpoint.DetectorKey)
	called := save("called a state.safetensors", checkpoint.StateKey, checkpoint.DetectorKey) // not by its name
	classifier := save("classifier.safetensors", checkpoint.ClassifierKey)
	others := save("others.safetensors")
	save(".hidden.safetensors", checkpoint.DetectorKey)
	save(".best.safetensors.tmp-1", checkpoint.DetectorKey)
	save("best.pth", checkpoint.DetectorKey)
	broken := filepath.Join(folder, "broken.safetensors") // loading it tells why
	require.NoError(t, os.WriteFile(broken, []byte("broken"), 0o644))
	got, skipped, err := Sources([]string{folder})
	require.NoError(t, err)
	assert.Equal(t, []Source{{"best", best}, {"broken", broken}, {"last", last}}, got)
	assert.Equal(t, []Skipped{
		{called, "the state of a training run, not a model"},
		{classifier, "a classifier, not a detector"},
		{filepath.Join(folder, "folder.safetensors"), "a folder"},
		{others, "a file without a detector's configuration in its metadata"},
		{state, "the state of a training run, not a model"},
	}, skipped)
}
