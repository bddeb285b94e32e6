package coco

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/imaging"
)

// Images that share a label file, and label files that no image has, are remarks.
func TestYOLOPairs(t *testing.T) {
	const object = "0 0.5 0.5 0.1 0.2\n"
	for name, c := range map[string]struct {
		files []string // with an object
		want  string
	}{
		"one each":            {nil, ""},
		"two images":          {[]string{"images/train/a.jpg"}, "two images with one label file: DIR/labels/train/a.txt: labels of DIR/images/train/a.jpg, and of DIR/images/train/a.png"},
		"two without objects": {[]string{"images/train/b.png"}, ""},
		"no image":            {[]string{"labels/train/c.txt"}, "label file without image: DIR/labels/train/c.txt: no image of this name in DIR/images/train"},
		"name of two":         {[]string{"labels/train/b.jpg.txt"}, "label file without image: DIR/labels/train/b.jpg.txt: no image of this name in DIR/images/train"},
		"in another split":    {[]string{"labels/val/c.txt"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := yoloFolder(t, tinyYAML, object)
			writeFile(t, filepath.Join(dir, "labels", "train", "classes.txt"), "cat\nant\n")
			for _, file := range c.files {
				if imaging.IsImage(file) {
					writeImage(t, filepath.Join(dir, file), 20, 10)
				} else {
					writeFile(t, filepath.Join(dir, file), object)
				}
			}
			var images []string
			for _, image := range []string{"a.png", "b.jpg"} {
				images = append(images, filepath.Join(dir, "images", "train", image))
			}
			writeFile(t, filepath.Join(dir, "list.txt"), strings.Join(images, "\n"))
			remarks := func(path, split string) string {
				d, err := Open(path, Options{Split: split, Names: -1})
				require.NoError(t, err)
				var list []string
				for _, k := range d.Changes.Kinds() {
					for _, text := range k.First {
						list = append(list, k.Kind+": "+text)
					}
				}
				return strings.ReplaceAll(strings.Join(list, "|"), dir, "DIR")
			}
			require.Equal(t, c.want, remarks(dir, "train"))

			writeFile(t, filepath.Join(dir, "data.yaml"), "train: [images/train, list.txt]\nnames: [cat, ant]\n")
			require.Equal(t, c.want, remarks(dir, ""), "an image that is listed twice is another remark")

			require.NoError(t, os.Remove(filepath.Join(dir, "data.yaml")))
			require.NoError(t, os.Rename(filepath.Join(dir, "labels", "train", "classes.txt"), filepath.Join(dir, "classes.txt")))
			require.NoError(t, os.Remove(filepath.Join(dir, "list.txt")))
			want := strings.ReplaceAll(c.want, "in DIR/images/train", "in DIR")
			require.Equal(t, want, remarks(dir, "train"), "a folder without data.yaml")
		})
	}
}
