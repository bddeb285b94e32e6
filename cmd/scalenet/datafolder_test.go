package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/imaging"
)

// A folder with pictures and XML files in subfolders of its own names goes through every data command, and through the other formats
// with their folders renamed.
func TestDataFolder(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "my data")
	for i := range 8 {
		name := fmt.Sprintf("pic %d", i)
		path := filepath.Join(in, "photos", name+".png")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		image := imaging.New(60+i, 40)
		require.NoError(t, image.Save(path))
		require.NoError(t, os.MkdirAll(filepath.Join(in, "boxes"), 0o755))
		if i > 0 {
			write(t, filepath.Join(in, "boxes", name+".xml"), `<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>25</ymax></bndbox></object></annotation>`)
		}
	}
	ok := func(args ...string) string {
		status, stdout, stderr := scalenet(append([]string{"data"}, args...)...)
		require.Zero(t, status, "%s%s", stdout, stderr)
		return stdout
	}
	stdout := ok("check", in)
	require.Contains(t, stdout, "7 images (0 without boxes), 7 boxes")
	require.Contains(t, stdout, "1: image not annotated, left out\n      "+filepath.Join(in, "photos", "pic 0.png"))
	var told strings.Builder
	_, err := (&annotatedData{path: in}).open(&told, nil)
	require.NoError(t, err)
	require.Equal(t, in+": 7 images, 7 boxes, 1 class; 1 image without annotation left out\n", told.String())
	ok("view", in, "--out", filepath.Join(dir, "sheet.png"), "--width", "100")
	require.Contains(t, ok("split", in, "--first", filepath.Join(dir, "a.json"), "--second", filepath.Join(dir, "b.json")), "the images are in "+in)
	require.Contains(t, ok("check", filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json"), "--images", in), "errors: none")

	yolo := filepath.Join(dir, "yolo")
	ok("convert", in, yolo, "--to", "yolo")
	require.NoError(t, os.Rename(filepath.Join(yolo, "images"), filepath.Join(yolo, "pictures")))
	require.NoError(t, os.Remove(filepath.Join(yolo, "data.yaml")))
	status, _, stderr := scalenet("data", "convert", yolo, filepath.Join(dir, "x.json"))
	requireError(t, status, stderr, "write them to "+filepath.Join(yolo, "classes.txt"))
	write(t, filepath.Join(yolo, "classes.txt"), "cat\n")
	require.Contains(t, ok("convert", yolo, filepath.Join(dir, "coco"), "--to", "coco"), "7 images (train), 7 boxes, 1 class")
	require.Contains(t, ok("check", filepath.Join(dir, "coco")), "instances_train.json train: 7 images")

	for want, args := range map[string][]string{
		"is part of the input": {"split", in, "--first", filepath.Join(in, "boxes", "pic 1.xml"), "--second", filepath.Join(dir, "c.json"), "--force"},
		"not a data set":       {"view", filepath.Join(in, "photos"), "--out", filepath.Join(dir, "y.png")},
		"must not be given":    {"check", in, "--split", "val"},
		"no such file":         {"convert", filepath.Join(in, "none"), filepath.Join(dir, "y.json")},
		"name the file":        {"check", dir},
	} {
		status, stdout, stderr := scalenet(append([]string{"data"}, args...)...)
		require.NotZero(t, status)
		require.True(t, strings.Contains(stdout+stderr, want), "%s: %s%s", want, stdout, stderr)
	}
}

// Near copies stay in one part, and are told of.
func TestDataSplitNearCopies(t *testing.T) {
	dir := t.TempDir()
	entries, err := os.ReadDir(imagesDir)
	require.NoError(t, err)
	var images []string
	for _, e := range entries {
		if !imaging.IsImage(e.Name()) {
			continue
		}
		m, err := imaging.Load(filepath.Join(imagesDir, e.Name()), imaging.Limits{})
		require.NoError(t, err)
		for i, copied := range []*imaging.Image{m, m.Resample(m.W*8/10, m.H*8/10), m.Brightness(1.1)} {
			name := fmt.Sprintf("%d of %s.jpg", i, e.Name())
			require.NoError(t, copied.Save(filepath.Join(dir, name)))
			images = append(images, name)
		}
	}
	require.GreaterOrEqual(t, len(images), 12)
	text := `{"annotations": [], "categories": [], "images": [`
	for i, name := range images {
		text += fmt.Sprintf(`%s{"id": %d, "file_name": %q}`, strings.Repeat(", ", min(i, 1)), i, name)
	}
	in, second := write(t, filepath.Join(dir, "all.json"), text+"]}"), filepath.Join(dir, "b.json")
	status, stdout, stderr := scalenet("data", "split", in, "--first", filepath.Join(dir, "a.json"), "--second", second, "--fraction", "0.3")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, fmt.Sprintf("%d groups of near copies, first: %s, %s, %s; each is in one part\n", len(images)/3, images[0], images[1], images[2]))
	require.Contains(t, stderr, fmt.Sprintf("%d/%d images compared", len(images), len(images)))
	parts, err := os.ReadFile(second)
	require.NoError(t, err)
	for i := 0; i < len(images); i += 3 {
		for _, other := range images[i+1 : i+3] {
			require.Equal(t, strings.Contains(string(parts), images[i]), strings.Contains(string(parts), other), other)
		}
	}
}
