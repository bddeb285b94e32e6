package coco

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/imaging"
)

func writePicture(t testing.TB, path string, w, h int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, imaging.New(w, h).Save(path))
}

// yoloFolder writes a data set of the pictures a, with labels, and b, without.
func yoloFolder(t *testing.T, yaml, labels string) string {
	dir := t.TempDir()
	writePicture(t, filepath.Join(dir, "images", "train", "a.png"), 100, 50)
	writePicture(t, filepath.Join(dir, "images", "train", "b.jpg"), 30, 20)
	writeFile(t, filepath.Join(dir, "images", "train", "notes.md"), "no picture")
	writeFile(t, filepath.Join(dir, "labels", "train", "a.txt"), labels)
	writeFile(t, filepath.Join(dir, "data.yaml"), yaml)
	return dir
}

const tinyYAML = "path: .\ntrain: images/train\nval: images/val\nnc: 2\nnames: [cat, ant]\n"

func TestReadYOLO(t *testing.T) {
	labels := "\ufeff0 0.5 0.5 0.1 0.2\n\n 1.0 0.025 1e0 0 0.4 \n1 0.1 0.2 0.3 0.2 0.3 0.6\n"
	dir := yoloFolder(t, tinyYAML, labels)
	d, err := Open(dir, Options{Split: "train"})
	require.NoError(t, err)
	require.Equal(t, dir, d.ImagesDir)
	require.Equal(t, []Image{{1, "images/train/a.png", 100, 50}, {2, "images/train/b.jpg", 30, 20}}, d.Images)
	require.Equal(t, []Category{{1, "cat"}, {2, "ant"}}, d.Categories)
	require.Equal(t, []Annotation{
		{ID: 1, Image: 0, Class: 1, Box: [4]float64{45, 20, 10, 10}, Area: 100},
		{ID: 2, Image: 0, Class: 2, Box: [4]float64{2.5, 40, 0, 20}},
		{ID: 3, Image: 0, Class: 2, Box: [4]float64{10, 10, 20, 20}, Area: 400}}, d.Annotations)
	require.NoError(t, d.CheckImages())

	d, err = Open(filepath.Join(dir, "data.yaml"), Options{Split: "train", Classes: []string{"dog", "ant", "cat"}})
	require.NoError(t, err)
	require.Equal(t, 3, d.Annotations[0].Class)
}

// Every way in which data.yaml can say where the pictures of a split are.
func TestYOLOSources(t *testing.T) {
	dir := yoloFolder(t, "", "0 0.5 0.5 0.1 0.2\n")
	writeFile(t, filepath.Join(dir, "list.txt"), "./images/train/b.jpg\n"+filepath.Join(dir, "images", "train", "a.png")+"\n")
	require.NoError(t, os.Symlink(filepath.Join(dir, "images", "train"), filepath.Join(dir, "link")))
	both := []string{"images/train/a.png", "images/train/b.jpg"}
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"folder":            {"train: images", both},
		"path":              {"path: images\ntrain: train", []string{"train/a.png", "train/b.jpg"}},
		"path of elsewhere": {"path: /no/such/folder\ntrain: images", both},
		"Roboflow":          {"train: ../images/train", both},
		"list":              {"train: list.txt", []string{"images/train/b.jpg", "images/train/a.png"}},
		"several":           {"train: [images/train, list.txt]", append(both[:2:2], "images/train/b.jpg", "images/train/a.png")},
		"absolute":          {"train: " + filepath.Join(dir, "images"), both},
		"a link":            {"train: link", []string{"link/a.png", "link/b.jpg"}},
		"validation":        {"validation: images", both},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, filepath.Join(dir, "data.yaml"), c.yaml+"\nnames: {0: cat}\n")
			d, err := Open(dir, Options{})
			require.NoError(t, err)
			var got []string
			for _, img := range d.Images {
				got = append(got, img.FileName)
			}
			require.Equal(t, c.want, got)
			require.NoError(t, d.CheckImages())
		})
	}
	writeFile(t, filepath.Join(dir, "data.yaml"), "train: a\nval: [b]\nnames: [x]\n")
	splits, err := Splits(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"train", "val"}, splits)
}

func TestReadYOLOErrors(t *testing.T) {
	for name, c := range map[string]struct{ yaml, labels, want string }{
		"empty file":       {"", "", "data.yaml: names: missing"},
		"no mapping":       {"[1, 2]", "", "data.yaml: yaml:"},
		"nc":               {"nc: 3\nnames: [a]", "", "nc: 3, and there are 1 names"},
		"nc alone":         {"nc: -1", "", "nc: -1 classes"},
		"names with a gap": {"names: {0: a, 2: b}", "", "without one for class 1"},
		"names twice":      {"names: [a, a]", "", `classes 0 and 1 are both "a"`},
		"keypoints":        {"names: [a]\nkpt_shape: [3]", "", "kpt_shape: [3]"},
		"no such split":    {"names: [a]\nval: images", "", `split "train": there are ["val"]`},
		"no such folder":   {"names: [a]\ntrain: [images, none]", "", "data.yaml: train[1]: stat"},
		"no pictures":      {"names: [a]\ntrain: labels", "", "no pictures in"},
		"class":            {tinyYAML, "0 0.5 0.5 0.1 0.2\n2 0.5 0.5 0.1 0.2", "a.txt: line 2: column 1: class 2, the classes are 0 to 1"},
		"negative class":   {tinyYAML, "-1 0.5 0.5 0.1 0.2", "column 1: class -1"},
		"half a class":     {tinyYAML, "0.5 0.5 0.5 0.1 0.2", "column 1: class 0.5"},
		"word":             {tinyYAML, "cat 0.5 0.5 0.1 0.2", `column 1: "cat" is not a finite number`},
		"NaN":              {tinyYAML, "0 0.5 nan 0.1 0.2", `column 3: "nan" is not a finite number`},
		"pixels":           {tinyYAML, "0 50 20 10 10", "column 2: 50 is not a share of the picture, 0 to 1"},
		"negative":         {tinyYAML, "0 0.5 -0.2 0.1 0.1", "column 3: -0.2 is not a share"},
		"negative side":    {tinyYAML, "0 0.5 0.2 0.1 -0.001", "a box of 0.1 by -0.001"},
		"four columns":     {tinyYAML, "0 0.5 0.5 0.1", "4 columns, want 5"},
		"confidence":       {tinyYAML, "0 0.5 0.5 0.1 0.1 0.9", "6 columns, want 5"},
		"half a point":     {tinyYAML, "0 0.1 0.2 0.3 0.2 0.3 0.6 0.7", "8 columns, want 5"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := yoloFolder(t, c.yaml, c.labels)
			_, err := Open(dir, Options{Split: "train"})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, dir)
		})
	}
	dir := yoloFolder(t, tinyYAML, "")
	_, err := Open(dir, Options{Split: "train", Images: "elsewhere"})
	require.ErrorContains(t, err, "elsewhere")
	writeFile(t, filepath.Join(dir, "images", "train", "b.jpg"), "no picture")
	_, err = Open(dir, Options{Split: "train"})
	require.ErrorIs(t, err, imaging.ErrUnsupported)
	require.ErrorContains(t, err, "b.jpg")

	var faults []error
	writeFile(t, filepath.Join(dir, "labels", "train", "a.txt"), "0 0.5 0.5 0.1 0.2\n7 0.5 0.5 0.1 0.2\nx\n")
	d, err := Open(dir, Options{Split: "train", Report: func(err error) { faults = append(faults, err) }})
	require.NoError(t, err)
	require.Len(t, faults, 3)
	require.Len(t, d.Images, 1)
	require.Len(t, d.Annotations, 1)
}

func TestYOLOKeypoints(t *testing.T) {
	dir := yoloFolder(t, "train: images\nnames: [cat]\nkpt_shape: [2, 3]\n", "0 0.5 0.5 0.1 0.2 0.4 0.4 2 0.6 0.6 1\n")
	d, err := Open(dir, Options{})
	require.NoError(t, err)
	require.Equal(t, [4]float64{45, 20, 10, 10}, d.Annotations[0].Box)
}

// FuzzYOLO reads data.yaml and a line of labels: nothing panics, and what is accepted is within bounds.
func FuzzYOLO(f *testing.F) {
	f.Add(tinyYAML, "0 0.5 0.5 0.1 0.2")
	f.Add("names: {0: a, 1: b}\nkpt_shape: [2, 2]\nval: [x, y]\ntest: null", "1 0 0 1 1 0.2 0.3 0.4 0.5")
	f.Add("nc: 1000", "999 0.1 0.2 0.3 0.2 0.3 0.6")
	f.Add("names: &a [*a]", "0 1e400 nan -0 0x1p-2")
	f.Fuzz(func(t *testing.T, yaml, line string) {
		file, err := parseYOLOFile([]byte(yaml))
		if err != nil {
			return
		}
		require.NotEmpty(t, file.Names)
		for _, split := range file.splits() {
			require.NotEmpty(t, file.sources(split))
		}
		objects, _ := file.parseLabels([]byte(line), "fuzz")
		for _, o := range objects {
			require.Less(t, o.class, len(file.Names))
			box := o.box(640, 480)
			for i, v := range box {
				require.True(t, v >= -700 && v <= 1500, "box %v", box)
				require.False(t, i > 1 && v < 0, "box %v", box)
			}
		}
	})
}
