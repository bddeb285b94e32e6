package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// An output that cannot be written is named, and an input without a name is said to be.
func TestNamesOfFiles(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), "")
	for _, v := range []struct {
		args []string
		want string
	}{
		{[]string{"convert", "", filepath.Join(dir, "x.safetensors")}, "scalenet: IN is empty: want the name of a file to read\n"},
		{[]string{"merge", "--out", filepath.Join(dir, "x.json"), ""}, "scalenet: PART is empty: want the name of a file to read\n"},
		{[]string{"merge", "--out", filepath.Join(dir, "x.json"), "a", ""}, "scalenet: PART is empty: want the name of a file to read\n"},
		{[]string{"data", "tile", "--tile", "64", instancesFile, ""}, "scalenet: OUT is empty: want the name of a new folder\n"},
		{[]string{"data", "tile", "--tile", "64", "--images", imagesDir, instancesFile, "/proc/tiles"}, "scalenet: /proc/tiles: cannot be written: "},
		{[]string{"data", "tile", "--tile", "64", "--images", imagesDir, instancesFile, file + "/tiles"}, "scalenet: " + file + "/tiles: " + file + " is not a folder\n"},
	} {
		status, _, stderr := scalenet(v.args...)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, v.want)
		require.NotContains(t, stderr, ".tmp-")
	}
}

// To try a folder leaves nothing in it, at no time.
func TestTryFolderLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	nameless, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Skip("the file system has no files without a name:", err)
	}
	nameless.Close()
	before := time.Unix(1e9, 0)
	require.NoError(t, os.Chtimes(dir, before, before))
	file := output{of: "OUT", path: filepath.Join(dir, "x")}
	require.NoError(t, file.tryFolder(map[string]bool{}))
	after, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, before.Unix(), after.ModTime().Unix(), "no name was made and removed")
}

// A folder may be named with a separator at the end.
func TestDataTileSeparator(t *testing.T) {
	out := filepath.Join(t.TempDir(), "tiles")
	status, _, stderr := scalenet("data", "tile", "--tile", "64", "--images", imagesDir, instancesFile, out+"/")
	require.Zero(t, status, stderr)
	require.FileExists(t, filepath.Join(out, "instances_train.json"))
}

// Ctrl-C ends a tiling as it ends an evaluation, and no folder is left.
func TestDataTileStops(t *testing.T) {
	for name, v := range map[string]struct {
		more []string
		want string
	}{
		"tiles":  {nil, "scalenet: stopped after 0 of 4 images; "},
		"copies": {[]string{"--val", "0.5"}, "scalenet: stopped before the first image; "},
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		out := filepath.Join(t.TempDir(), "tiles")
		var stderr bytes.Buffer
		status := run(ctx, append([]string{"data", "tile", "--tile", "64", "--images", imagesDir, instancesFile, out}, v.more...), &bytes.Buffer{}, &stderr)
		require.Equal(t, 130, status, name)
		require.Contains(t, stderr.String(), v.want+out+" was not made\n", name)
		require.NoDirExists(t, out)
	}
}
