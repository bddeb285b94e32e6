package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDataTools converts a data set to the formats of labelling tools, and reads these with every command that reads data sets.
func TestDataTools(t *testing.T) {
	for _, to := range []string{"labelme", "cvat", "labelstudio", "openimages"} {
		t.Run(to, func(t *testing.T) {
			dir := t.TempDir()
			out, back, sheet := filepath.Join(dir, to), filepath.Join(dir, "back.json"), filepath.Join(dir, "sheet.png")
			for _, args := range [][]string{
				{"data", "convert", "--images", imagesDir, instancesFile, out, "--to", to, "--image-files", "copy"},
				{"data", "convert", "--images", imagesDir, instancesFile, out, "--to", to, "--as", "val", "--add"},
				{"data", "convert", out, back, "--split", "val"},
				{"data", "view", out, "--split", "train", "--out", sheet},
			} {
				status, stdout, stderr := scalenet(args...)
				require.Zero(t, status, "%s%s", stdout, stderr)
			}
			text, err := os.ReadFile(back)
			require.NoError(t, err)
			require.Equal(t, 22, strings.Count(string(text), `"bbox"`))
			require.FileExists(t, sheet)
			_, stdout, _ := scalenet("data", "check", out) // the parts have the same images, which it counts
			require.Contains(t, stdout, "errors: none")
			require.Contains(t, stdout, "22 boxes")
			data := annotatedData{path: out, split: "train"}
			opened, err := data.open(io.Discard, nil)
			require.NoError(t, err)
			require.Len(t, opened.Annotations, 22)
		})
	}
}

// TestDataChanges reads polygons: every command says how many became boxes.
func TestDataChanges(t *testing.T) {
	dir := t.TempDir()
	image, err := os.ReadFile(filepath.Join(imagesDir, "IMG_2385.png"))
	require.NoError(t, err)
	write(t, filepath.Join(dir, "a.png"), string(image))
	file := write(t, filepath.Join(dir, "a.json"), `{"shapes": [{"label": "king", "points": [[1, 2], [30, 4], [9, 50]]}, {"label": "king", "points": [[1, 2]], "shape_type": "point"}],
		"imagePath": "a.png"}`)
	status, stdout, stderr := scalenet("data", "check", dir)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "1: polygon, read as its bounding box\n      "+file+": shapes[0]\n")
	require.Contains(t, stdout, "1: point, left out")
	status, stdout, stderr = scalenet("data", "convert", dir, filepath.Join(dir, "out.json"))
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "1: polygon, read as its bounding box\n    "+file+": shapes[0]\n")
	status, stdout, stderr = scalenet("data", "check", "--json", dir+"/out.json")
	require.Zero(t, status, stderr)
	require.True(t, json.Valid([]byte(stdout)))
	require.NoError(t, os.Remove(filepath.Join(dir, "out.json")))
	var told strings.Builder
	data := annotatedData{path: dir}
	_, err = data.open(&told, nil)
	require.NoError(t, err)
	require.Equal(t, dir+": 1 image, 1 box, 1 class; 1: polygon, read as its bounding box; 1: point, left out\n", told.String())
}
