package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	stdout := ok("--images", imagesDir, instancesFile, yolo, "--to", "yolo")
	require.Contains(t, stdout, yolo+": 4 images (train), 22 boxes, 4 classes\n")
	ok("--images", imagesDir, instancesFile, yolo, "--to", "yolo", "--as", "val", "--add")
	ok(yolo, voc, "--to", "voc", "--split", "val", "--classes", "king,RBC,WBC,Platelets")
	stdout = ok(voc, back)
	require.Contains(t, stdout, "the images are in "+filepath.Join(voc, "JPEGImages"))
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
		"images":      {[]string{instancesFile, filepath.Join(dir, "x.json"), "--image-files", "burn"}, `--image-files "burn"`},
		"left":        {[]string{instancesFile, filepath.Join(dir, "x"), "--to", "voc", "--image-files", "leave"}, "a Pascal VOC folder contains its images"},
		"the input":   {[]string{instancesFile, "--force", instancesFile}, "is the input"},
		"there":       {[]string{instancesFile, back}, "back.json: already exists"},
		"folder":      {[]string{instancesFile, voc, "--to", "yolo"}, "voc: already exists"},
		"splits":      {[]string{yolo, filepath.Join(dir, "x.json")}, `has the splits ["train" "val"]`},
		"name":        {[]string{instancesFile, filepath.Join(dir, "x"), "--to", "yolo", "--as", "../x"}, `--as "../x"`},
		"numeric ids": {[]string{yolo, filepath.Join(dir, "x.json"), "--split", "val", "--numeric-ids"}, "is not a number"},
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
	args := []string{"data", "split", "--images", imagesDir, "--first", first, "--second", second, "--fraction", "0.25", instancesFile}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Regexp(t, `a\.json: 3 images, \d+ boxes\n.*b\.json: 1 image, \d+ boxes\nthe images are in `+imagesDir, stdout)
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "a.json: already exists")
	status, _, stderr = scalenet(append(args, "--force")...)
	require.Zero(t, status, stderr)
	folder := t.TempDir()
	var images []string
	for i := range 8 { // four images twice
		text, err := os.ReadFile(filepath.Join(imagesDir, "IMG_2385.png"))
		require.NoError(t, err)
		name := fmt.Sprintf("%d.png", i)
		write(t, filepath.Join(folder, name), string(append(text, byte(i/2))))
		images = append(images, fmt.Sprintf(`{"id": %d, "file_name": %q}`, i, name))
	}
	copies := write(t, filepath.Join(folder, "gt.json"), `{"images": [`+strings.Join(images, ", ")+`], "annotations": [], "categories": []}`)
	again := []string{"data", "split", "--force", "--first", first, "--second", second, "--fraction", "0.25", copies}
	status, _, stderr = scalenet(again...)
	requireError(t, status, stderr, "all 8 images are copies or near copies of each other") // they look the same
	status, stdout, stderr = scalenet(append(again, "--near-copies=false")...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "read 8 image sizes from the image files, because they are not annotated")
	text, err := os.ReadFile(second)
	require.NoError(t, err)
	for i := range 4 {
		require.Equal(t, strings.Contains(string(text), fmt.Sprintf("%d.png", 2*i)), strings.Contains(string(text), fmt.Sprintf("%d.png", 2*i+1)), "copies are together")
	}
	args[5], args[7] = filepath.Join(dir, "c.json"), filepath.Join(dir, ".", "c.json")
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "--first and --second are both")
}

func TestDataCheck(t *testing.T) {
	plots := filepath.Join(t.TempDir(), "plots")
	status, stdout, stderr := scalenet("data", "check", "--images", imagesDir, "--plots", plots, instancesFile)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "4 images (0 without boxes), 22 boxes (0 crowds)")
	require.Contains(t, stdout, "errors: none")
	require.Contains(t, stderr, "4/4 images")
	require.FileExists(t, filepath.Join(plots, "sizes.png"))
	require.FileExists(t, filepath.Join(plots, "classes.png"))

	dir := t.TempDir()
	text, err := os.ReadFile(instancesFile)
	require.NoError(t, err)
	bad := write(t, filepath.Join(dir, "bad.json"), strings.Replace(string(text), "IMG_2385.png", "none.png", 1))
	status, stdout, stderr = scalenet("data", "check", "--images", imagesDir, "--json", bad)
	requireError(t, status, stderr, "1 error would stop training")
	var r struct {
		Errors   []struct{ First []string }
		Warnings []struct{ Kind string }
		Classes  []struct{ Name string }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	require.Contains(t, r.Errors[0].First[0], "bad.json: images[1].file_name: no image at ")
	require.Len(t, r.Classes, 4)

	// Two data sets, one of which cannot be read.
	broken := write(t, filepath.Join(dir, "broken.json"), `{"images": [`)
	status, stdout, stderr = scalenet("data", "check", "--images", imagesDir, instancesFile, broken)
	requireError(t, status, stderr, "1 error would stop training")
	require.Contains(t, stdout, "instances.json instances: 4 images")
	require.Contains(t, stdout, "broken.json: images[0]: byte 12")
	status, _, stderr = scalenet("data", "check", "--images", "a", "--images", "b", instancesFile)
	requireError(t, status, stderr, "--images: 2 folders for 1 data sets")
	status, _, stderr = scalenet("data", "check", "--size", "5", instancesFile)
	requireError(t, status, stderr, `--size "5"`)
}

// A check goes on behind a wrong value, looks at the images, and counts all.
func TestDataCheckGoesOn(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "x.json"), `{"images": [{"id": 1, "file_name": "none.jpg", "width": 0, "height": 0}], "categories": [{"id": 1, "name": "c"}],
		"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, null]}, {"id": 2, "image_id": 1, "category_id": 1, "bbox": ["1", 2, 3, 4]},
		{"id": 3, "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}]}`)
	status, stdout, stderr := scalenet("data", "check", file)
	requireError(t, status, stderr, "4 errors would stop training")
	for _, want := range []string{"3: unreadable entry", "annotations[0].bbox: [3]: byte", "annotations[1].bbox: [0]: byte", "annotations[2].image_id: no image has the id 9",
		"1: missing image", "images[0].file_name: no image at", "1: size not annotated"} {
		require.Contains(t, stdout, want)
	}
}

func TestDataView(t *testing.T) {
	sheet := filepath.Join(t.TempDir(), "sheet.png")
	args := []string{"data", "view", "--images", imagesDir, instancesFile, "--out", sheet, "--rows", "1", "--columns", "2", "--width", "100"}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Equal(t, sheet+"\n", stdout)
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "sheet.png: already exists; --force")
	status, stdout, stderr = scalenet(append(args, "--pages", "0", "--class", "RBC")...)
	require.Zero(t, status, stderr)
	for _, file := range strings.Fields(stdout) {
		require.FileExists(t, file)
	}
	for want, with := range map[string][]string{"want a .png": {"--out", "x.gif"}, "--pages -1": {"--pages", "-1"}, `class "cow"`: {"--class", "cow", "--force"}, "--rows -1: want 1 to 100": {"--rows", "-1", "--force"}} {
		status, _, stderr = scalenet(append(args, with...)...)
		requireError(t, status, stderr, want)
	}
}

// Training images are drawn with the settings of a training.
func TestDataViewAugmented(t *testing.T) {
	sheet := filepath.Join(t.TempDir(), "sheet.png")
	args := []string{"data", "view", "--images", imagesDir, instancesFile, "--rows", "1", "--columns", "3", "--width", "100", "--out", sheet}
	with := func(flags ...string) []string { return slices.Concat(args, flags) }
	augmented := func(flags ...string) []string {
		return append(with("--augmented", "--preset", "bccd", "--set", "input.mosaic=1"), flags...)
	}
	status, stdout, stderr := scalenet(augmented()...)
	require.Zero(t, status, stderr)
	require.Equal(t, sheet+"\n", stdout)
	first, err := os.ReadFile(sheet)
	require.NoError(t, err)
	status, _, stderr = scalenet(augmented("--force", "--epoch", "1")...)
	require.Zero(t, status, stderr)
	second, err := os.ReadFile(sheet)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	status, _, stderr = scalenet(augmented("--force")...)
	require.Zero(t, status, stderr)
	again, err := os.ReadFile(sheet)
	require.NoError(t, err)
	require.Equal(t, first, again)
	for want, args := range map[string][]string{
		"--class: has no effect with --augmented": augmented("--force", "--class", "RBC"),
		"--preset: needs --augmented":             with("--force", "--preset", "bccd"),
		"epoch -1: want at least 0":               augmented("--force", "--epoch", "-1"),
		"input.hue = 2: must be":                  augmented("--force", "--set", "input.hue=2"),
	} {
		status, _, stderr = scalenet(args...)
		requireError(t, status, stderr, want)
	}
}
