package coco

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// folderFile is the text of a file of a made folder: an image, an annotation of one object, a label, or a COCO file with the image
// x.png. What is given behind a > is the text.
func writeFolderFile(t testing.TB, dir, spec string) {
	file, text, given := strings.Cut(spec, ">")
	path := filepath.Join(dir, file)
	switch ext := strings.ToLower(filepath.Ext(file)); {
	case given:
		writeFile(t, path, text)
	case ext == ".xml":
		writeFile(t, path, "<annotation>"+vocObjectXML("cat", "1", "2", "11", "7")+"</annotation>")
	case ext == ".txt" && filepath.Base(file) != "classes.txt":
		writeFile(t, path, "0 0.5 0.5 0.1 0.2\n")
	case ext == ".json":
		writeFile(t, path, folderInstances("x.png"))
	case ext == ".png" || ext == ".jpg":
		if strings.HasSuffix(file, strings.ToUpper(ext)) {
			writeImage(t, strings.TrimSuffix(path, filepath.Ext(file))+ext, 20, 10)
			require.NoError(t, os.Rename(strings.TrimSuffix(path, filepath.Ext(file))+ext, path))
			return
		}
		writeImage(t, path, 20, 10)
	default:
		writeFile(t, path, "cat\n")
	}
}

func folderInstances(names ...string) string {
	var images, annotations []string
	for i, name := range names {
		images = append(images, fmt.Sprintf(`{"id": %d, "file_name": %q}`, i, name))
		annotations = append(annotations, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": 1, "bbox": [1, 2, 3, 4]}`, i, i))
	}
	return `{"info": {"x": ["images"]}, "images": [` + strings.Join(images, ", ") + `], "annotations": [` + strings.Join(annotations, ", ") +
		`], "categories": [{"id": 1, "name": "cat"}]}`
}

// makeFolder writes files, separated by line breaks. "a => b" is a link.
func makeFolder(t testing.TB, files string) string {
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for line := range strings.Lines(files) {
		line = strings.TrimSpace(line)
		if from, to, link := strings.Cut(line, " => "); link {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, from)), 0o755))
			require.NoError(t, os.Symlink(to, filepath.Join(dir, from)))
		} else if line != "" {
			writeFolderFile(t, dir, line)
		}
	}
	return dir
}

// folderContent lists the images of all splits with their numbers of objects, each where it is found.
func folderContent(t testing.TB, dir string) string {
	splits, err := Splits(dir)
	require.NoError(t, err)
	var all []string
	for _, split := range splits {
		all = append(all, split+":")
		all = append(all, splitContent(t, dir, split)...)
	}
	if len(splits) == 0 {
		all = splitContent(t, dir, "")
	}
	return strings.Join(all, " ")
}

func splitContent(t testing.TB, dir, split string) (list []string) {
	left := 0
	d, err := Open(dir, Options{Split: split, Unannotated: func(error) { left++ }})
	require.NoError(t, err)
	require.NoError(t, d.CheckImages())
	for i := range d.Images {
		file, err := filepath.Rel(dir, d.ImagePath(i))
		require.NoError(t, err)
		list = append(list, strings.ReplaceAll(fmt.Sprintf("%s=%d", filepath.ToSlash(file), len(d.Objects(i))), " ", "_"))
	}
	if left > 0 {
		list = append(list, fmt.Sprintf("left=%d", left))
	}
	return list
}

func TestFolderXML(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"side by side":           {"a.png\na.xml\nb.png\nb.xml", "a.png=1 b.png=1"},
		"two folders":            {"images/a.png\nannots/a.xml", "images/a.png=1"},
		"Kaggle":                 {"images/a.png\nAnnotations/a.xml\nREADME.md", "images/a.png=1"},
		"one is left out":        {"images/a.png\nimages/b.png\nimages/c.png\nannots/b.xml", "images/b.png=1 left=2"},
		"splits":                 {"train/images/a.png\ntrain/annots/a.xml\nval/images/a.png\nval/annots/a.xml", "train: train/images/a.png=1 val: val/images/a.png=1"},
		"splits below":           {"images/train/a.png\nannots/train/a.xml\nimages/test/a.png\nannots/test/a.xml", "train: images/train/a.png=1 test: images/test/a.png=1"},
		"other words":            {"Training/a.png\nTraining/a.xml\nVALID/b.png\nxml/Validation/b.xml\ntesting/c.png\nc.xml", "train: Training/a.png=1 val: VALID/b.png=1 test: testing/c.png=1"},
		"train2017":              {"train2017/a.png\na.xml\nval2017/b.png\nb.xml", "train: train2017/a.png=1 val: val2017/b.png=1"},
		"the rest is train":      {"a.png\na.xml\nval/b.png\nval/b.xml", "train: a.png=1 val: val/b.png=1"},
		"one split only":         {"train/a.png\ntrain/a.xml", "train: train/a.png=1"},
		"first folder counts":    {"test/train/a.png\ntest/train/a.xml", "test: test/train/a.png=1"},
		"no part of a word":      {"trained/a.png\ntrained/a.xml\nevaluation/b.png\nevaluation/b.xml", "evaluation/b.png=1 trained/a.png=1"},
		"test without XML":       {"train/a.png\ntrain/a.xml\ntest/b.png", "train: train/a.png=1"},
		"not of another split":   {"train/a.png\ntrain/a.xml\nval/a.png\nval/b.png\nval/b.xml", "train: train/a.png=1 val: val/b.png=1 left=1"},
		"blanks, unicode":        {"my photos/é 1.png\nmy boxes/é 1.xml", "my_photos/é_1.png=1"},
		"letters of macOS":       {"i/e\u0301.png\nx/\u00e9.xml", "i/e\u0301.png=1"},
		"upper case":             {"a.JPG\na.XML", "a.JPG=1"},
		"dots":                   {"i/a.b.c.png\nx/a.b.c.xml", "i/a.b.c.png=1"},
		"two images, a JPEG":     {"i/a.png\ni/a.jpg\nx/a.xml", "i/a.jpg=1"},
		"two images, named":      {"i/a.png\ni/a.jpg\nx/a.xml><annotation><filename>a.png</filename></annotation>", "i/a.png=0"},
		"hidden":                 {"a.png\n._a.png\na.xml\n._a.xml\n.git/b.xml", "a.png=1"},
		"other XML":              {"a.png\na.xml\nb.png\nb.xml><PAMDataset/>\nproject.xml><project/>", "a.png=1 left=1"},
		"text beside it":         {"a.png\na.xml\nreadme.txt\ntrain.txt", "a.png=1"},
		"links":                  {"i/a.png\n../out/x/a.xml\nxml => ../out/x", "i/a.png=1"},
		"linked image":           {"../out/1.png\nimages/a.png => ../../out/1.png\na.xml", "images/a.png=1"},
		"more of the path":       {"2019/s1/i/a.png\n2019/s1/x/a.xml\ns2/i/a.png\ns2/x/a.xml", "2019/s1/i/a.png=1 s2/i/a.png=1"},
		"fewest others":          {"i/a.png\ni/more/a.png\nx/a.xml\nx/more/a.xml", "i/a.png=1 i/more/a.png=1"},
		"videos, some not there": {"i/v1/7.png\ni/v2/7.png\ni/v3/7.png\nx/v2/7.xml\nx/v3/7.xml", "i/v2/7.png=1 i/v3/7.png=1 left=1"},
		"beside and elsewhere":   {"a.png\na.xml\nmore/i/a.png\nmore/x/a.xml", "a.png=1 more/i/a.png=1"},
		"train first":            {"i/a.png\nx/a.xml\ntrain/i/a.png\ntrain/x/a.xml", "train: i/a.png=1 train/i/a.png=1"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, folderContent(t, makeFolder(t, c.files))) })
	}
}

func TestFolderLabels(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"side by side":       {"a.png\na.txt\nb.png\nclasses.txt", "a.png=1 b.png=0"},
		"darknet":            {"obj.names\nobj.data\ntrain.txt\nobj_train_data/a.png\nobj_train_data/a.txt", "obj_train_data/a.png=1"},
		"two folders":        {"pictures/a.png\nboxes/a.txt\nboxes/classes.txt", "pictures/a.png=1"},
		"unpacked deeper":    {"set/data.yaml>names: [cat]\nset/images/train/a.png\nset/labels/train/a.txt\nset/images/val/a.png\nset/labels/val/a.txt", "train: set/images/train/a.png=1 val: set/images/val/a.png=1"},
		"Roboflow":           {"train/_darknet.labels\ntrain/a.png\ntrain/a.txt\nvalid/_darknet.labels\nvalid/a.png\nvalid/a.txt", "train: train/a.png=1 val: valid/a.png=1"},
		"twins":              {"i/a.png\ni/a.jpg\nl/a.txt\nx.names", "i/a.jpg=1 i/a.png=1"},
		"upper case":         {"i/a.PNG\nl/a.TXT\nCLASSES.TXT>cat", "i/a.PNG=1"},
		"blanks, CRLF":       {"i/a b.png\nl/a b.txt\nclasses.txt>\ufeffcat\r\n\r\n", "i/a_b.png=1"},
		"an empty one":       {"a.png\na.txt>\nclasses.txt", "a.png=0"},
		"unlabelled test":    {"train/a.png\ntrain/a.txt\ntest/b.png\nclasses.txt", "train: train/a.png=1 test: test/b.png=0"},
		"labels of no image": {"a.png\na.txt\nb.txt\nclasses.txt", "a.png=1"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, folderContent(t, makeFolder(t, c.files))) })
	}
}

func TestFolderCOCO(t *testing.T) {
	for name, c := range map[string]struct{ files, want string }{
		"one":                {"instances.json\nx.png", "x.png=1"},
		"images":             {"instances.json\nimages/x.png", "images/x.png=1"},
		"of scalenet":        {"train.json\nval.json\nimages/x.png", "train: images/x.png=1 val: images/x.png=1"},
		"COCO":               {"annotations/instances_train2017.json\nannotations/instances_val2017.json\nannotations/captions_val2017.json\ntrain2017/x.png\nval2017/x.png", "train: train2017/x.png=1 val: val2017/x.png=1"},
		"Roboflow":           {"train/_annotations.coco.json\ntrain/x.png\nvalid/_annotations.coco.json\nvalid/x.png", "train: train/x.png=1 val: valid/x.png=1"},
		"elsewhere":          {"labels.json\nfar/away/x.png\nother/y.png", "far/away/x.png=1"},
		"with a folder":      {"a/gt.json>" + folderInstances("sub/x.png") + "\nb/sub/x.png", "b/sub/x.png=1"},
		"most of them":       {"gt.json>" + folderInstances("x.png", "y.png") + "\na/x.png\nb/x.png\nb/y.png", "b/x.png=1 b/y.png=1"},
		"images at the root": {"j/gt.json\nx.png", "x.png=1"},
		"rest is train":      {"all.json\nval.json\nx.png", "train: x.png=1 val: x.png=1"},
		"other JSON":         {"gt.json\nx.png\nnotes.json>{\"categories\": [], \"info\": {}}\nresults.json>[]\nx.json>{\"shapes\": [], \"imageData\": \"\"}\nbad.json>{", "x.png=1"},
		"two words":          {"train_val.json\nx.png", "x.png=1"},
		"text":               {"gt.json\nx.png\nx.md\nnotes.txt", "x.png=1"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, folderContent(t, makeFolder(t, c.files))) })
	}
	dir := makeFolder(t, "gt.json\na/x.png\nb/x.png")
	d, err := Open(dir, Options{Images: filepath.Join(dir, "b")})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "b"), d.ImagesDir)
}

func TestFolderErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files string
		opt   Options
		want  string
	}{
		"empty":              {"", Options{}, "not a data set: found 0 images, 0 XML files, 0 text files, 0 JSON files. What is read, in subfolders of any name: images (.jpg"},
		"images only":        {"a.png\nb.png", Options{}, "found 2 images, 0 XML files"},
		"other names":        {"a.png\nb.xml", Options{}, `found 1 images, 1 XML files, 0 text files, 0 JSON files; no image has the name of an XML file, such as "b.xml"`},
		"other text":         {"a.png\nb.txt", Options{}, `no image has the name of a text file, such as "b.txt"`},
		"other root":         {"a.png\na.xml><html/>", Options{}, `1 XML files, 0 text files, 0 JSON files; no XML file has the root element "annotation" or, of CVAT, "annotations"`},
		"other CSV":          {"a.png\na.csv>filename,xmin", Options{}, `1 CSV files; no CSV file has the columns of Open Images (ImageID, LabelName, XMin, ...), such as "a.csv"`},
		"other JSON":         {"a.png\na.json>{\"shapes\": 5}", Options{}, `1 JSON files; a.json: no list "images", "annotations" or "shapes" in it`},
		"broken JSON":        {"a.png\na.json>{\"images\" 5", Options{}, "a.json: byte 10: "},
		"XML and labels":     {"a.png\na.xml\na.txt", Options{}, `has XML files (a.xml) and label files (a.txt), of which only one can be the annotations`},
		"XML and COCO":       {"x.png\nx.xml\ngt.json", Options{}, `has COCO instances files (gt.json) and XML files (x.xml)`},
		"XML alone":          {"i/a.png\nx/a.xml\nx/b.xml", Options{}, "x/b.xml: no image of this name"},
		"alone in its split": {"train/a.png\ntrain/a.xml\nval/c.png\nval/c.xml\nval/b.xml", Options{Split: "val"}, "val/b.xml: no image of this name"},
		"unclear XML":        {"i/a.png\nx/a.xml\ny/a.xml", Options{}, `it is unclear which of these files belong together: ["i/a.png" "x/a.xml" "y/a.xml"]`},
		"unclear image":      {"raw/a.png\nsmall/a.png\nx/a.xml", Options{}, `["raw/a.png" "small/a.png" "x/a.xml"]`},
		"twice beside":       {"a.png\na.xml\na.XML", Options{}, `["a.XML" "a.png" "a.xml"]`},
		"broken XML":         {"a.png\na.xml><annotation>", Options{}, "a.xml: byte"},
		"empty XML":          {"a.png\na.xml>", Options{}, "a.xml: byte 0: no annotation in the file"},
		"no split":           {"train/a.png\ntrain/a.xml\nval/b.png\nval/b.xml", Options{}, `no split given, want one of ["train" "val"]`},
		"unknown split":      {"train/a.png\ntrain/a.xml\nval/b.png\nval/b.xml", Options{Split: "test"}, `unknown split "test", want one of ["train" "val"]`},
		"no splits":          {"a.png\na.xml", Options{Split: "train"}, "has no folders train, val or test, so a split (train) must not be given"},
		"images given":       {"a.png\na.xml", Options{Images: "elsewhere"}, "so an image folder (elsewhere) must not be given"},
		"no names":           {"i/a.png\nl/a.txt", Options{}, `label files such as "l/a.txt" have class numbers, and no file has the names: write them to `},
		"other names twice":  {"train/a.png\ntrain/a.txt\ntrain/classes.txt>cat\nx/classes.txt>dog", Options{}, `train/classes.txt: the classes are ["cat"], and in `},
		"a gap":              {"a.png\na.txt\nclasses.txt>cat\n", Options{Classes: []string{"dog"}}, `unknown class "cat"`},
		"class":              {"a.png\na.txt>1 0.5 0.5 0.1 0.1\nclasses.txt", Options{}, "a.txt: line 1: column 1: class 1, the classes are 0 to 0"},
		"corrupt image":      {"a.png>\na.txt\nclasses.txt", Options{}, "a.png: corrupt image"},
		"broken yaml":        {"a.png\na.txt\nx/data.yaml>[", Options{}, "data.yaml: yaml: line 1"},
		"two COCO files":     {"a.json\nb.json\nx.png", Options{}, `2 COCO instances files, ["a.json" "b.json"]: name the file to read`},
		"two of a split":     {"a/train.json\nb_train.json\nval.json\nx.png", Options{Split: "val"}, `2 COCO instances files for train, ["a/train.json" "b_train.json"]`},
		"two image folders":  {"j/gt.json\na/x.png\nb/x.png", Options{}, `gt.json: images[0].file_name: "x.png" is in 2 folders of`},
		"broken COCO":        {"gt.json>{\"images\": [5]}\nx.png", Options{}, "gt.json: images[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := makeFolder(t, c.files)
			_, err := Open(dir, c.opt)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, dir)
			require.Less(t, len(err.Error()), 1000)
		})
	}
	dir := makeFolder(t, "a.png\na.txt\nclasses.txt>cat\n\ndog")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "classes.txt"), []byte("cat\n\ndog\n"), 0o644))
	_, err := Open(dir, Options{})
	require.ErrorContains(t, err, "classes.txt: line 2: no name for class 1")
	d, err := Open(makeFolder(t, "j/gt.json\na/y.png"), Options{})
	require.NoError(t, err)
	require.ErrorContains(t, d.CheckImages(), "j/gt.json: images[0].file_name: no image at ")
}

// Where faults are reported, the rest is read.
func TestFolderReports(t *testing.T) {
	dir := makeFolder(t, "a.png\na.xml\nb.xml\ni/c.png\nx/c.xml\ny/c.xml\nd.png\ne.png\ne.xml><annotation>")
	var faults, left []string
	d, err := Open(dir, Options{Report: func(err error) { faults = append(faults, err.Error()) }, Unannotated: func(err error) { left = append(left, err.Error()) }})
	require.NoError(t, err)
	require.Len(t, d.Images, 1)
	require.Len(t, faults, 3, "%q", faults)
	for i, want := range []string{"unclear", "b.xml: no image of this name", "e.xml: byte"} {
		require.Contains(t, faults[i], want)
	}
	require.Equal(t, []string{filepath.Join(dir, "d.png") + ": no annotation file of this name", filepath.Join(dir, "i/c.png") + ": no annotation file of this name"}, left)
	for _, files := range []string{"i/c.png\nx/c.xml\ny/c.xml", "i/c.png\nx/c.txt\ny/c.txt\nclasses.txt"} {
		faults = nil
		d, err = Open(makeFolder(t, files), Options{Report: func(err error) { faults = append(faults, err.Error()) }})
		require.NoError(t, err)
		require.Empty(t, d.Annotations)
		require.Len(t, faults, 1)
		require.Contains(t, faults[0], "unclear")
	}
	_, err = Open(makeFolder(t, "i/c.png\nx/c.txt\ny/c.txt"), Options{Report: func(error) {}})
	require.ErrorContains(t, err, `label files such as "x/c.txt"`)
}

// Class numbers are those of all splits; all files are protected, behind links too.
func TestFolderClassesAndFiles(t *testing.T) {
	dir := makeFolder(t, "train/a.png\ntrain/a.xml\nval/b.png\n../out/b.xml><annotation>"+vocObjectXML("ant", "1", "2", "3", "4")+"</annotation>\nval/b.xml => ../../out/b.xml")
	d, err := Open(dir, Options{Split: "val"})
	require.NoError(t, err)
	require.Equal(t, []string{"ant", "cat"}, d.ClassNames())
	require.Equal(t, []string{dir, filepath.Join(dir, "val/b.xml"), filepath.Join(dir, "val/b.png")}, d.Files())
	require.Equal(t, []string{dir}, Sources(dir))

	dir = makeFolder(t, "a.png\na.txt\nb.png\nclasses.txt>cat")
	d, err = Open(dir, Options{Classes: []string{"dog", "cat"}})
	require.NoError(t, err)
	require.Equal(t, 2, d.Annotations[0].Class)
	require.Equal(t, []Image{{1, "a.png", 20, 10}, {2, "b.png", 20, 10}}, d.Images)
	require.Equal(t, []string{dir, filepath.Join(dir, "a.txt"), filepath.Join(dir, "classes.txt"), filepath.Join(dir, "a.png"), filepath.Join(dir, "b.png")}, d.Files())

	dir = makeFolder(t, "train.json\nval.json\nimages/x.png")
	d, err = Open(dir, Options{Split: "val"})
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "val.json"), filepath.Join(dir, "images/x.png")}, d.Files())
}

// Whatever the paths, every file is in one place: paired, alone or unclear, and pairs have one name and no two splits.
func TestMatchFiles(t *testing.T) {
	folder := rapid.SampledFrom([]string{"", "train", "val", "images", "annots", "v1", "v2"})
	path := rapid.Custom(func(t *rapid.T) string {
		return filepath.Join(folder.Draw(t, "1"), folder.Draw(t, "2"), folder.Draw(t, "3"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"))
	})
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string, extensions ...string) (files []string) {
			for _, file := range rapid.SliceOfNDistinct(path, 0, 12, rapid.ID).Draw(t, label) {
				files = append(files, file+rapid.SampledFrom(extensions).Draw(t, "extension"))
			}
			slices.Sort(files)
			return files
		}
		images, annotations := draw("images", ".png", ".jpg"), draw("annotations", ".xml", ".XML")
		m := matchFiles(images, annotations)
		var seen []string
		for _, p := range m.pairs {
			seen = append(seen, p.annotation)
			require.Len(t, p.images, 1)
			require.Equal(t, stem(p.annotation), stem(p.images[0]))
			a, b := splitOf(p.annotation), splitOf(p.images[0])
			require.True(t, a == b || a == "" || b == "")
		}
		seen = append(seen, m.alone...)
		for _, file := range annotations {
			if !slices.Contains(seen, file) {
				require.NotEmpty(t, m.unclear)
				seen = append(seen, file)
			}
			if same := trimExt(file); slices.ContainsFunc(images, func(image string) bool { return trimExt(image) == same }) {
				require.True(t, slices.ContainsFunc(m.pairs, func(p filePair) bool { return p.annotation == file && trimExt(p.images[0]) == same }), "beside it: %s", file)
			}
		}
		slices.Sort(seen)
		require.Equal(t, annotations, seen)
	})
}

func FuzzClassNames(f *testing.F) {
	f.Add("cat\r\ndog\n\n")
	f.Add("\ufeffcat")
	f.Add("a\n\nb")
	f.Add("\xff\xfea\x00")
	f.Fuzz(func(t *testing.T, text string) {
		names, err := parseNames(string(decodeText([]byte(text))))
		if err != nil {
			require.Less(t, len(err.Error()), 400)
			return
		}
		require.NotEmpty(t, names)
		require.NotContains(t, names, "")
	})
}

// TestSniffBeginning: what a file is shows in its beginning, or before an image that is longer.
func TestSniffBeginning(t *testing.T) {
	long := `"` + strings.Repeat("A", maxSniff) + `"`
	for text, want := range map[string]string{
		`{"imageData": "A", "images": []}`:                        kindCOCO,
		`{"imageData": "A", "shapes": []}`:                        kindLabelMe,
		`{"imageData": ` + long + `, "shapes": []}`:               kindLabelMe,
		`{"imagePath": "a.png", "x": ` + long + `, "shapes": []}`: kindLabelMe,
		`{"imageData": "A", "imagePath": "a.png"}`:                `no list "images", "annotations" or "shapes" in it`,
		`{"imageData": "A"`:                                       "byte 17: the file ends",
		`{"x": ` + long + `, "images": []}`:                       `no list "images", "annotations" or "shapes" in its first 4194304 bytes`,
		`[{"imageData": ` + long + `, "data": {}}]`:               `no list "images", "annotations" or "shapes" in its first 4194304 bytes`,
		`[{"data": {"image": ` + long + `}}]`:                     kindStudio,
	} {
		kind, err := sniffJSON(strings.NewReader(text))
		if err != nil {
			require.Contains(t, err.Error(), want)
			continue
		}
		require.Equal(t, want, kind, "%.40s", text)
	}
}

// FuzzSniff looks for the lists of an instances file: what ReadCOCO accepts is found.
func FuzzSniff(f *testing.F) {
	f.Add(folderInstances("x.png"))
	f.Add(`{"images": 5, "annotations": []}`)
	f.Add(`[{"images": []}]`)
	f.Add(`{"images": null`)
	f.Add(`{"imageData": "A", "imagePath": "a.png", "images": [], "annotations": [], "categories": []}`)
	f.Fuzz(func(t *testing.T, text string) {
		kind, err := sniffJSON(strings.NewReader(text))
		if err != nil {
			require.Less(t, len(err.Error()), 400)
		}
		if _, readErr := readInstances(strings.NewReader(text), int64(len(text)), Options{}); readErr == nil {
			require.NoError(t, err)
			require.Equal(t, kindCOCO, kind)
		}
	})
}
