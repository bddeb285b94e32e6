package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDrawnNames(t *testing.T) {
	list := func(folder string, files ...string) (all []listed) {
		for _, f := range files {
			all = append(all, listed{filepath.Join(folder, f), folder})
		}
		return all
	}
	for name, c := range map[string]struct {
		list []listed
		want string
	}{
		"folder":           {list("in", "a.png", "b.jpg", "c.JPG"), "a.jpg b.jpg c.jpg"},
		"subfolders":       {list("in", "a/1.jpg", "b/1.jpg", "1.jpg"), "a/1.jpg b/1.jpg 1.jpg"},
		"extensions":       {list("in", "a/1.jpg", "a/1.png", "a/1.JPG", "a/2.png", "b/1.png"), "a/1.jpg a/1.png.jpg a/1.JPG.jpg a/2.jpg b/1.jpg"},
		"files":            {append(list("in/a", "1.jpg", "2.jpg"), list("in/c", "3.jpg")...), "1.jpg 2.jpg 3.jpg"},
		"files, one name":  {append(list("in/a", "1.jpg", "2.jpg"), list("in/b", "1.png")...), "a/1.jpg a/2.jpg b/1.jpg"},
		"above":            {append(list("../x", "1.jpg"), list("in", "1.jpg")...), "x/1.jpg " + filepath.Base(wd(t)) + "/in/1.jpg"},
		"twice":            {append(list("in", "a/1.jpg"), append(list("in/a", "1.jpg"), list("./in/../in", "a/1.jpg")...)...), "a/1.jpg  "},
		"no extension":     {list("", "photo", "photo.webp"), "photo.jpg photo.webp.jpg"},
		"hidden in a name": {list("in", "1.png.jpg", "1.png"), "1.png.jpg 1.jpg"},
		"all the same":     {list("in", "1.png.jpg", "1.png", "1.jpg", "2.png"), "1.png.jpg.jpg 1.png.jpg 1.jpg.jpg 2.png.jpg"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := drawnNames(c.list)
			require.NoError(t, err)
			require.Equal(t, c.want, strings.Join(got, " "))
		})
	}
}

func wd(t *testing.T) string {
	dir, err := os.Getwd()
	require.NoError(t, err)
	return dir
}

// Whatever images are named, none is drawn over another, nor outside --out.
func FuzzDrawnNames(f *testing.F) {
	f.Add("in", "a/1.jpg", "b/1.png", "1.png.jpg")
	f.Add("..", "1.jpg", "../1.jpg", "x/../1")
	f.Add("", ".jpg", "..jpg", ".")
	f.Fuzz(func(t *testing.T, folder, a, b, c string) {
		var list []listed
		for _, name := range []string{a, b, c} {
			if name == "" || strings.ContainsRune(folder+name, 0) {
				return
			}
			if path := filepath.Join(folder, name); strings.HasPrefix(path, filepath.Clean(folder)+"/") {
				list = append(list, listed{path, folder})
			}
			if dir, last := filepath.Split(name); last != "" && last != "." && last != ".." {
				list = append(list, listed{name, dir})
			}
		}
		if len(list) == 0 {
			return
		}
		names, err := drawnNames(list)
		require.NoError(t, err)
		seen, images := map[string]bool{}, map[string]bool{}
		for i, name := range names {
			absolute, err := filepath.Abs(list[i].file)
			require.NoError(t, err)
			require.Equal(t, images[absolute], name == "", "drawn once: %q", list)
			images[absolute] = true
			if name == "" {
				continue
			}
			require.True(t, filepath.IsLocal(name) && strings.HasSuffix(name, ".jpg"), "%q: %q", list, name)
			require.False(t, seen[name], "%q: %q is there twice", list, name)
			seen[name] = true
		}
	})
}
