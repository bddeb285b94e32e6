package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDataConvert(t *testing.T) {
	dir := t.TempDir()
	yolo, voc, back := filepath.Join(dir, "yolo"), filepath.Join(dir, "voc"), filepath.Join(dir, "back.json")
	ok := func(args ...string) string {
		status, stdout, stderr := scalenet(append([]string{"data", "convert"}, args...)...)
		require.Zero(t, status, stderr)
		return stdout
	}
	stdout := ok("--images", picturesDir, instancesFile, yolo, "--to", "yolo")
	require.Contains(t, stdout, yolo+": 4 pictures (train), 22 boxes of 4 classes\n")
	ok("--images", picturesDir, instancesFile, yolo, "--to", "yolo", "--as", "val", "--add")
	ok(yolo, voc, "--to", "voc", "--split", "val", "--classes", "king,RBC,WBC,Platelets")
	stdout = ok(voc, back)
	require.Contains(t, stdout, "the pictures are in "+filepath.Join(voc, "JPEGImages"))
	text, err := os.ReadFile(back)
	require.NoError(t, err)
	require.Equal(t, 22, strings.Count(string(text), `"bbox"`))

	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no layout":   {[]string{instancesFile, filepath.Join(dir, "x")}, `--to ""`},
		"layout":      {[]string{instancesFile, filepath.Join(dir, "x"), "--to", "tf"}, `--to "tf"`},
		"a file":      {[]string{instancesFile, filepath.Join(dir, "x.json"), "--to", "voc"}, "writes a folder"},
		"pictures":    {[]string{instancesFile, filepath.Join(dir, "x.json"), "--pictures", "burn"}, `--pictures "burn"`},
		"left":        {[]string{instancesFile, filepath.Join(dir, "x"), "--to", "voc", "--pictures", "leave"}, "a Pascal VOC folder holds its pictures"},
		"the input":   {[]string{instancesFile, "--force", instancesFile}, "is the input"},
		"there":       {[]string{instancesFile, back}, "back.json: is there already"},
		"folder":      {[]string{instancesFile, voc, "--to", "yolo"}, "voc: is there already"},
		"splits":      {[]string{yolo, filepath.Join(dir, "x.json")}, `has the splits ["train" "val"]`},
		"name":        {[]string{instancesFile, filepath.Join(dir, "x"), "--to", "yolo", "--as", "../x"}, `--as "../x"`},
		"numeric ids": {[]string{yolo, filepath.Join(dir, "x.json"), "--split", "val", "--numeric-ids"}, "is no number"},
		"nothing":     {[]string{filepath.Join(dir, "none"), filepath.Join(dir, "x.json")}, "none: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := scalenet(append([]string{"data", "convert"}, c.args...)...)
			requireError(t, status, stderr, c.want)
			require.Empty(t, stdout)
		})
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3, "refusals leave nothing behind")
}

func TestDataSplit(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")
	args := []string{"data", "split", "--images", picturesDir, "--first", first, "--second", second, "--fraction", "0.25", instancesFile}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Regexp(t, `a\.json: 3 pictures, \d+ boxes\n.*b\.json: 1 pictures, \d+ boxes\nthe pictures are in `+picturesDir, stdout)
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "a.json: is there already")
	status, _, stderr = scalenet(append(args, "--force")...)
	require.Zero(t, status, stderr)
	args[5], args[7] = filepath.Join(dir, "c.json"), filepath.Join(dir, ".", "c.json")
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "--first and --second are both")
}
