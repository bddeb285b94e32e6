package coco

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/imaging"
)

func writeImage(t testing.TB, path string, w, h int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, imaging.New(w, h).Save(path))
}

// yoloFolder writes a data set of the images a, with labels, and b, without.
func yoloFolder(t *testing.T, yaml, labels string) string {
	dir := t.TempDir()
	writeImage(t, filepath.Join(dir, "images", "train", "a.png"), 100, 50)
	writeImage(t, filepath.Join(dir, "images", "train", "b.jpg"), 30, 20)
	writeFile(t, filepath.Join(dir, "images", "train", "notes.md"), "no image")
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

// Every way in which data.yaml can say where the images of a split are.
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
		"no such split":    {"names: [a]\nval: images", "", `unknown split "train", want one of ["val"]`},
		"no such folder":   {"names: [a]\ntrain: [images, none]", "", "data.yaml: train[1]: stat"},
		"no images":        {"names: [a]\ntrain: labels", "", "no images in"},
		"class":            {tinyYAML, "0 0.5 0.5 0.1 0.2\n2 0.5 0.5 0.1 0.2", "a.txt: line 2: column 1: class 2, the classes are 0 to 1"},
		"negative class":   {tinyYAML, "-1 0.5 0.5 0.1 0.2", "column 1: class -1"},
		"half a class":     {tinyYAML, "0.5 0.5 0.5 0.1 0.2", "column 1: class 0.5"},
		"word":             {tinyYAML, "cat 0.5 0.5 0.1 0.2", `column 1: "cat" is not a finite number`},
		"NaN":              {tinyYAML, "0 0.5 nan 0.1 0.2", `column 3: "nan" is not a finite number`},
		"pixels":           {tinyYAML, "0 50 20 10 10", "column 2: 50 is not a fraction of the image size, 0 to 1"},
		"negative":         {tinyYAML, "0 0.5 -0.2 0.1 0.1", "column 3: -0.2 is not a fraction"},
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
	writeFile(t, filepath.Join(dir, "images", "train", "b.jpg"), "no image")
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

// A class keeps its number and the text that it has in the file, whatever YAML takes it for.
func TestYOLONames(t *testing.T) {
	for yaml, want := range map[string]string{
		"names: [cat, null, dog]":                 "cat null dog",
		"names: {0: cat, 1: null, 2: dog}":        "cat null dog",
		"names:\n- cat\n-\n- ~x\n":                "cat null ~x",
		"names: [yes, no, true, Off]":             "yes no true Off",
		"names: [1, 2.50, 0x10, 1e3, 2020-01-01]": "1 2.50 0x10 1e3 2020-01-01",
		`names: ["null", 'no', "1"]`:              "null no 1",
		"names: {'1': b, \"0\": a}":               "a b",
		"names: {1.0: b, 0: a}":                   "a b",
		"nc: 2":                                   "class_0 class_1",
		"nc: 2.0\nnames: null":                    "class_0 class_1",
		"nc: null\nnames: [a]":                    "a",
		"x: &n [a, b]\nnames: *n":                 "a b",
		"x: &n a\nnames: [*n, b]":                 "a b",
		"x: &n {names: [a]}\n<<: *n":              "a",
		"\ufeffnames: [a]":                        "a",
		"names: [a]\r\nnc: 1\r\n":                 "a",
	} {
		f, err := parseYOLOFile(decodeText([]byte(yaml)))
		require.NoError(t, err, yaml)
		require.Equal(t, want, strings.Join(f.Names, " "), yaml)
	}
	for yaml, want := range map[string]string{
		"names: [a, [b], c]":            "names[1]: line 1: a list where a name was expected",
		"names:\n- a\n- b: c\n":         "names[1]: line 3: a mapping where a name was expected",
		"names: [a, null, ~]":           `names: classes 1 and 2 are both "null"`,
		"names: [null, 'null']":         `names: classes 0 and 1 are both "null"`,
		"names: cat":                    `names: line 1: "cat" where a list or a mapping was expected`,
		"names: {cat: 0}":               `names: line 1: "cat" where the number of a class was expected`,
		"names: {0: a, null: b}":        "names: line 1: \"null\" where the number of a class was expected",
		"names: {-1: a, 0: b}":          `names: line 1: "-1" where the number of a class was expected`,
		"names: {1: a, 2: b}":           "2 names, one for class 2, without one for class 0",
		"names:\n  0: a\n  00: b\n":     `names: line 3: class 0 already exists, as "a"`,
		"names: {0: a, 0: b}":           `names: line 1: class 0 already exists, as "a"`,
		"names: &a [*a]":                "names[0]: line 1: a list where a name was expected",
		"names: []":                     "names: missing",
		"names: {}":                     "names: missing",
		"nc: many\nnames: [a]":          `nc: "many" is not a whole number`,
		"nc: [1]\nnames: [a]":           "nc: line 1: a list where a text was expected",
		"nc: 1e9":                       "nc: 1000000000 classes",
		"train: {a: b}\nnames: [a]":     "train: line 1: a mapping where a text was expected",
		"train: [a, null]\nnames: a":    "train: [1]: line 1: no path",
		"path: [a]\nnames: [a]":         "path: line 1: a list where a text was expected",
		"names: [\xd6l]":                "this is not UTF-8",
		"kpt_shape: [a, 3]\nnames: [a]": `kpt_shape: "a" is not a whole number`,
		"cat":                           `yaml: line 1: "cat" where a mapping`,
		"names: [a":                     "yaml: line 1: did not find expected",
		"names: [" + strings.Repeat("x", 1<<18) + ", " + strings.Repeat("x", 1<<18) + "]": "names: classes 0 and 1 are both",
	} {
		_, err := parseYOLOFile([]byte(yaml))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "unmarshal")
		require.Less(t, len(err.Error()), 400)
	}
}

// The ways in which the lines of a list can say where images are.
func TestYOLOLists(t *testing.T) {
	for name, c := range map[string]struct{ at, line, want string }{
		"beside the list":        {"train.txt", "images/train/a.png", "images/train/a.png"},
		"dot":                    {"train.txt", "./images/train/a.png", "images/train/a.png"},
		"data/":                  {"train.txt", "data/images/train/a.png", "images/train/a.png"},
		"of the data set":        {"lists/train.txt", "images/train/a.png", "images/train/a.png"},
		"of the data set, data/": {"lists/train.txt", "data/images/train/a.png", "images/train/a.png"},
		"up":                     {"lists/train.txt", "../images/train/a.png", "images/train/a.png"},
		"Windows":                {"train.txt", `images\train\a.png`, "images/train/a.png"},
		"a blank":                {"train.txt", "  images/train/b c.png\t", "images/train/b c.png"},
		"the current folder":     {"train.txt", "here/images/x.png", "HERE/images/x.png"},
		"not the current folder": {"train.txt", "images/train/both.png", "images/train/both.png"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := yoloFolder(t, "path: ./\ntrain: "+c.at+"\nnames: [cat]\n", "0 0.5 0.5 0.1 0.2\n")
			here := t.TempDir()
			for _, path := range []string{filepath.Join(dir, "images/train/b c.png"), filepath.Join(dir, "images/train/both.png"),
				filepath.Join(here, "here/images/x.png"), filepath.Join(here, "images/train/both.png")} {
				writeImage(t, path, 20, 10)
			}
			t.Chdir(here)
			writeFile(t, filepath.Join(dir, c.at), "\ufeff"+c.line+"\r\n\r\n")
			d, err := Open(dir, Options{Split: "train"})
			require.NoError(t, err)
			require.Equal(t, strings.Replace(c.want, "HERE", filepath.Join(here, "here"), 1), d.Images[0].FileName)
			require.NoError(t, d.CheckImages())
			if strings.HasSuffix(c.want, "a.png") {
				require.Len(t, d.Annotations, 1)
			}
		})
	}
	dir := yoloFolder(t, "train: list.txt\nnames: [cat]\n", "")
	writeFile(t, filepath.Join(dir, "list.txt"), "images/train/none.png\n")
	_, err := Open(dir, Options{})
	require.ErrorContains(t, err, "data.yaml: no image at "+filepath.Join(dir, "images/train/none.png"))
	require.ErrorIs(t, err, ErrNoImage)
}

// Ultralytics reads "path" relative to the current folder.
func TestYOLOPathFromHere(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	writeImage(t, filepath.Join(here, "sets", "a", "images", "x.png"), 20, 10)
	writeFile(t, filepath.Join(here, "cfg", "a.yaml"), "path: sets/a\ntrain: images\nnames: [cat]\n")
	d, err := Open(filepath.Join("cfg", "a.yaml"), Options{})
	require.NoError(t, err)
	require.NoError(t, d.CheckImages())
	writeFile(t, filepath.Join(here, "b", "data.yaml"), "path: ..\\sets\\a\ntrain: images\nnames: [cat]\n")
	d, err = Open("b", Options{})
	require.NoError(t, err)
	require.Equal(t, "images/x.png", d.Images[0].FileName)
}

// Folders by links, labels of Windows, hidden files.
func TestYOLOFiles(t *testing.T) {
	dir := yoloFolder(t, "train: images\nnames: [cat]\n", "")
	out := t.TempDir()
	writeImage(t, filepath.Join(out, "c.PNG"), 20, 10)
	require.NoError(t, os.Symlink(out, filepath.Join(dir, "images", "more")))
	require.NoError(t, os.Symlink(dir, filepath.Join(out, "loop")))
	writeFile(t, filepath.Join(dir, "labels", "more", "c.TXT"), "\xff\xfe0\x00 \x000\x00.\x005\x00 \x000\x00.\x005\x00 \x001\x00 \x001\x00\r\x00\n\x00")
	writeFile(t, filepath.Join(dir, "images", "train", "._a.png"), "of a Mac")
	writeFile(t, filepath.Join(dir, "images", "train", "a.json"), "{}")
	d, err := Open(dir, Options{})
	require.NoError(t, err)
	require.Equal(t, []Image{{1, "images/more/c.PNG", 20, 10}, {2, "images/train/a.png", 100, 50}, {3, "images/train/b.jpg", 30, 20}}, d.Images)
	require.Len(t, d.Annotations, 1)
	require.Equal(t, [4]float64{0, 0, 20, 10}, d.Annotations[0].Box)
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

// FuzzYOLOList looks for the images of a list: each line has a path, and no message is long.
func FuzzYOLOList(f *testing.F) {
	f.Add("./images/a.jpg\r\n\ndata/x.png\n")
	f.Add("\xff\xfea\x00")
	f.Add("..\\..\\x.jpg")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		path := writeFile(t, filepath.Join(dir, "list.txt"), text)
		files, err := listedImages(path, dir)
		require.NoError(t, err)
		for _, file := range files {
			require.NotEmpty(t, file)
		}
	})
}

func TestLabelsOf(t *testing.T) {
	for image, want := range map[string]string{
		"images/train/a.jpg":         "labels/train/a.txt", // a data set that is the current folder
		"set/images/train/a.jpg":     "set/labels/train/a.txt",
		"/images/a.b.png":            "/labels/a.b.txt",
		"/x/images/y/images/a.jpeg":  "/x/images/y/labels/a.txt",
		"myimages/a.jpg":             "myimages/a.txt",
		"a.jpg":                      "a.txt",
		"../images/../images/up.jpg": "../images/../labels/up.txt",
	} {
		require.Equal(t, want, labelsOf(image))
	}
}

// A data.yaml without images has the class names of its folder.
func TestYOLONamesOnly(t *testing.T) {
	dir := yoloFolder(t, "nc: 2\nnames: [cat, ant]\n", "1 0.5 0.5 0.1 0.2\n")
	for _, path := range []string{dir, filepath.Join(dir, "data.yaml")} {
		splits, err := Splits(path)
		require.NoError(t, err)
		require.Equal(t, []string{"train"}, splits)
		d, err := Open(path, Options{Split: "train"})
		require.NoError(t, err)
		require.Len(t, d.Images, 2)
		require.Equal(t, []Category{{1, "cat"}, {2, "ant"}}, d.Categories)
		require.Equal(t, 2, d.Annotations[0].Class)
	}
	other := writeFile(t, filepath.Join(dir, "coco.yaml"), "names: [cat, ant]\n")
	_, err := Open(other, Options{})
	require.ErrorContains(t, err, "coco.yaml: names no images: want the key train, val or test")
}

// Roboflow lists parts that an export does not have.
func TestAbsentSplits(t *testing.T) {
	dir := yoloFolder(t, "train: ../images/train\nval: ../valid/images\ntest: [../images/train, ../test/images]\nnames: [cat]\n", "")
	absent, err := AbsentSplits(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"val"}, absent)
	absent, err = AbsentSplits(filepath.Join(dir, "images"))
	require.NoError(t, err)
	require.Empty(t, absent)
}
