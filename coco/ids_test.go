package coco

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// roboflow is a file with the given categories and one object of category 1.
func roboflow(categories string) string {
	return fmt.Sprintf(`{"categories": [%s], "images": [{"id": 0, "file_name": "a.jpg"}],
		"annotations": [{"id": 0, "image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4]}]}`, categories)
}

// A category without annotations is left out if it has the name of another or is that of a Roboflow project. Others are kept.
func TestUnusedCategories(t *testing.T) {
	const (
		sameName = "category left out, another has its name and it has no annotations"
		project  = "category left out, the name of a Roboflow project"
	)
	for name, c := range map[string]struct {
		categories, left string
		want             []Category
		class            int
	}{
		"same name":          {`{"id": 0, "name": "cat", "supercategory": "none"}, {"id": 1, "name": "cat", "supercategory": "cat"}`, sameName, []Category{{1, "cat"}}, 1},
		"same name behind":   {`{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}`, sameName, []Category{{1, "cat"}}, 1},
		"two without":        {`{"id": 1, "name": "cat"}, {"id": 2, "name": "ant"}, {"id": 3, "name": "ant"}`, sameName, []Category{{1, "cat"}, {2, "ant"}}, 1},
		"project":            {`{"id": 0, "name": "pets", "supercategory": "none"}, {"id": 1, "name": "cat", "supercategory": "pets"}, {"id": 2, "name": "ant", "supercategory": "pets"}`, project, []Category{{1, "cat"}, {2, "ant"}}, 1},
		"background":         {`{"id": 0, "name": "pets", "supercategory": "none"}, {"id": 1, "name": "cat", "supercategory": "animal"}`, "", []Category{{0, "pets"}, {1, "cat"}}, 2},
		"not Roboflow":       {`{"id": 0, "name": "pets"}, {"id": 1, "name": "cat"}`, "", []Category{{0, "pets"}, {1, "cat"}}, 2},
		"used":               {`{"id": 1, "name": "pets", "supercategory": "none"}, {"id": 2, "name": "cat", "supercategory": "pets"}`, "", []Category{{1, "pets"}, {2, "cat"}}, 1},
		"broken":             {`{"id": 0, "name": "pets", "supercategory": 3}, {"id": 1, "name": "cat", "supercategory": "pets"}`, "", []Category{{0, "pets"}, {1, "cat"}}, 2},
		"without names, two": {`{"id": 1}, {"id": 2}`, "", []Category{{1, ""}, {2, ""}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := writeFile(t, filepath.Join(dir, "train", "_annotations.coco.json"), roboflow(c.categories))
			writeImage(t, filepath.Join(dir, "train", "a.jpg"), 20, 10)
			for _, open := range []func() (*Dataset, error){
				func() (*Dataset, error) { return Open(file, Options{Names: 1}) },
				func() (*Dataset, error) { return Open(dir, Options{Names: 1, Split: "train"}) },
			} {
				d, err := open()
				require.NoError(t, err)
				require.Equal(t, c.want, d.Categories)
				require.Equal(t, c.class, d.Annotations[0].Class)
				if c.left == "" {
					require.Empty(t, d.Changes.Kinds())
					continue
				}
				require.Len(t, d.Changes.Kinds(), 1)
				require.Equal(t, c.left, d.Changes.Kinds()[0].Kind)
				require.Len(t, d.Changes.Kinds()[0].First, 1)
			}
		})
	}
}

// A name that JSON cannot hold is an error, not another name.
func TestWriteCOCONames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	d := &Dataset{Path: "in", Images: []Image{{FileName: "a.jpg"}, {FileName: "caf\xe9.jpg"}}}
	d.index()
	require.EqualError(t, WriteCOCO(path, d), `in: images[1].file_name: "caf\xe9.jpg" is not UTF-8, which a list of images must be: rename the file or folder`)
	d.Images[1].FileName, d.Categories = "café.jpg", []Category{{3, "\xff"}}
	require.EqualError(t, WriteCOCO(path, d), `in: categories: the name "\xff" of id 3 is not UTF-8`)
	require.NoFileExists(t, path)
	d.Categories = nil
	require.NoError(t, WriteCOCO(path, d))
}
