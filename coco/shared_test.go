package coco

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// set makes a data set of files in a folder.
func setOf(path, dir string, files ...string) *Dataset {
	d := &Dataset{Path: path, ImagesDir: dir}
	for _, file := range files {
		d.Images = append(d.Images, Image{ID: int64(len(d.Images)), FileName: file})
	}
	d.index()
	return d
}

func TestSharedImages(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{"a.jpg": "one", "b.jpg": "two", "copy of a.jpg": "one", "é/B.JPG": "two", "c.jpg": "three", "same length.jpg": "six",
		"empty.jpg": "", "empty 2.jpg": ""} {
		writeFile(t, filepath.Join(dir, file), text)
	}
	require.NoError(t, os.Symlink("a.jpg", filepath.Join(dir, "link.jpg")))
	require.NoError(t, os.Symlink(dir, filepath.Join(dir, "again")))
	require.NoError(t, os.Link(filepath.Join(dir, "c.jpg"), filepath.Join(dir, "hard.jpg")))
	for name, c := range map[string]struct {
		a, b string
		want []SharedImage
	}{
		"nothing":          {"", "", nil},
		"none":             {"a.jpg", "b.jpg,c.jpg,same length.jpg", nil},
		"empty set":        {"", "a.jpg", nil},
		"itself":           {"a.jpg,b.jpg", "b.jpg,a.jpg", []SharedImage{{1, 0, true}, {0, 1, true}}},
		"a link":           {"b.jpg,a.jpg", "c.jpg,link.jpg", []SharedImage{{1, 1, true}}},
		"a linked folder":  {"a.jpg", "again/a.jpg", []SharedImage{{0, 0, true}}},
		"other spelling":   {"a.jpg", "../" + filepath.Base(dir) + "/./a.jpg", []SharedImage{{0, 0, true}}},
		"the same bytes":   {"a.jpg,b.jpg", "é/B.JPG,copy of a.jpg", []SharedImage{{1, 0, false}, {0, 1, false}}},
		"a hard link":      {"c.jpg", "hard.jpg", []SharedImage{{0, 0, false}}},
		"twice in b":       {"a.jpg", "copy of a.jpg,link.jpg", []SharedImage{{0, 0, false}, {0, 1, true}}},
		"twice in a":       {"link.jpg,a.jpg", "a.jpg", []SharedImage{{0, 0, true}}},
		"twice in b alone": {"b.jpg", "a.jpg,copy of a.jpg", nil},
		"missing":          {"none.jpg", "none.jpg", nil},
		"empty files":      {"empty.jpg", "empty 2.jpg", []SharedImage{{0, 0, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			split := func(list string) []string { return strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) }
			a, b := setOf("a.json", dir, split(c.a)...), setOf("b.json", dir, split(c.b)...)
			got, err := SharedImages(t.Context(), a, b)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, len(c.want) == 0, CheckApart(t.Context(), a, b) == nil)
		})
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	require.EqualError(t, CheckApart(t.Context(), setOf("a.json", dir, "a.jpg", "b.jpg"), setOf("b.json", dir, "c.jpg", "a.jpg", "é/B.JPG")),
		fmt.Sprintf("a.json and b.json: 2 of the 3 images of the latter are also in the former; %s; %s is %s", at("a.jpg"), at("é/B.JPG"), at("b.jpg")))
	five := setOf("x", dir, "a.jpg", "b.jpg", "c.jpg", "empty.jpg", "same length.jpg")
	require.ErrorContains(t, CheckApart(t.Context(), five, five), "5 of the 5 images of the latter are also in the former; "+at("a.jpg"))
	require.ErrorContains(t, CheckApart(t.Context(), five, five), "; and 2 more")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := SharedImages(ctx, five, setOf("y", dir, "copy of a.jpg"))
	require.ErrorIs(t, err, context.Canceled)
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(at("a.jpg"), 0))
		_, err = SharedImages(t.Context(), five, setOf("y", dir, "copy of a.jpg"))
		require.ErrorContains(t, err, "x: images[0]: open ")
	}
}
