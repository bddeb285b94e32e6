package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
	"scalenet/train"
)

// pictures writes images of different sizes, with YOLO labels next to them: one box of the class of each, -1 for none.
func pictures(t *testing.T, dir string, classes ...int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for i, class := range classes {
		name := filepath.Join(dir, fmt.Sprintf("%d", i))
		image := imaging.New(60+i, 40+class)
		require.NoError(t, image.Save(name+".jpg"))
		if class >= 0 {
			write(t, name+".txt", fmt.Sprintf("%d 0.5 0.5 0.4 0.4\n", class))
		}
	}
}

// yoloPictures writes four images and their labels into folders of their own.
func yoloPictures(t *testing.T, dir string) {
	t.Helper()
	pictures(t, filepath.Join(dir, "images"), 0, 1, 0, 1)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "labels"), 0o755))
	for i := range 4 {
		name := fmt.Sprintf("%d.txt", i)
		require.NoError(t, os.Rename(filepath.Join(dir, "images", name), filepath.Join(dir, "labels", name)))
	}
}

// cutOff removes the end of an image, which still has a size.
func cutOff(t *testing.T, path string) {
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()-20))
}

// openData opens --data, and returns the numbers of images of both parts and what was printed.
func openData(t *testing.T, d *trainData) (images [2]int, told string, err error) {
	var w strings.Builder
	o, err := d.open(t.Context(), &w, t.TempDir(), false)
	if err != nil {
		return images, w.String(), err
	}
	require.Positive(t, o.train.Findable())
	return [2]int{len(o.train.Images), len(o.val.Images)}, w.String(), nil
}

// dataCase is a folder, and what becomes of it as --data.
type dataCase struct {
	make   func(t *testing.T, dir string)
	images [2]int
	told   string
	err    string
}

func (c dataCase) check(t *testing.T) {
	dir := t.TempDir()
	c.make(t, dir)
	images, told, err := openData(t, &trainData{path: dir})
	if c.err != "" {
		require.ErrorContains(t, err, c.err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, c.images, images)
	require.Contains(t, told, c.told)
}

// A part that cannot be evaluated is noticed before the first step.
func TestValidationPart(t *testing.T) {
	for name, c := range map[string]dataCase{
		"two images per class": {func(t *testing.T, dir string) {
			pictures(t, dir, 0, 0, 1, 1, 2, 2, 3, 3)
			write(t, filepath.Join(dir, "classes.txt"), "a\nb\nc\nd\n")
		}, [2]int{6, 2}, "2 images are split off", ""},
		"one image": {func(t *testing.T, dir string) {
			pictures(t, dir, 0)
			write(t, filepath.Join(dir, "classes.txt"), "a\n")
		}, [2]int{}, "", "1 images cannot be split: add images, or give validation data with --train and --val"},
		"one image with objects": {func(t *testing.T, dir string) {
			pictures(t, dir, 0, -1, -1, -1, -1, -1)
			write(t, filepath.Join(dir, "classes.txt"), "a\n")
		}, [2]int{}, "", "none of the 1 images split off for validation has an object that counts"},
		"background of the user": {func(t *testing.T, dir string) {
			pictures(t, filepath.Join(dir, "train"), 0, 0)
			pictures(t, filepath.Join(dir, "val"), -1, -1, -1)
			write(t, filepath.Join(dir, "classes.txt"), "a\n")
		}, [2]int{2, 3}, "none of its 3 validation images has an object that counts, so AP is not defined (-1)", ""},
		"corrupt": {func(t *testing.T, dir string) {
			pictures(t, filepath.Join(dir, "train"), 0, 0)
			pictures(t, filepath.Join(dir, "val"), 1, 1)
			cutOff(t, filepath.Join(dir, "val", "1.jpg"))
			write(t, filepath.Join(dir, "classes.txt"), "a\nb\n")
		}, [2]int{}, "", "1.jpg: JPEG: corrupt image"},
	} {
		t.Run(name, c.check)
	}
}

// Plausible exports are read without another flag.
func TestDataParts(t *testing.T) {
	for name, c := range map[string]dataCase{
		"Pascal VOC of CVAT": {func(t *testing.T, dir string) {
			pictures(t, filepath.Join(dir, "JPEGImages"), -1, -1, -1, -1)
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "ImageSets", "Main"), 0o755))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "Annotations"), 0o755))
			for i := range 4 {
				write(t, filepath.Join(dir, "Annotations", fmt.Sprintf("%d.xml", i)), `<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>25</ymax></bndbox></object></annotation>`)
			}
			write(t, filepath.Join(dir, "ImageSets", "Main", "default.txt"), "0\n1\n2\n3\n")
		}, [2]int{3, 1}, "its only part, default, is divided\n", ""},
		"test only": {func(t *testing.T, dir string) {
			pictures(t, filepath.Join(dir, "test1"), 0, 0)
			pictures(t, filepath.Join(dir, "test2"), 1, 1)
			write(t, filepath.Join(dir, "classes.txt"), "a\nb\n")
		}, [2]int{3, 1}, "its only part, test, is divided\n", ""},
		"names only": {func(t *testing.T, dir string) {
			yoloPictures(t, dir)
			write(t, filepath.Join(dir, "data.yaml"), "nc: 2\nnames: [a, b]\n")
		}, [2]int{3, 1}, "4 images, 4 boxes, 2 classes", ""},
		"Roboflow, all in train": {func(t *testing.T, dir string) {
			yoloPictures(t, filepath.Join(dir, "train"))
			write(t, filepath.Join(dir, "data.yaml"), "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnames: [a, b]\n")
		}, [2]int{3, 1}, "lists the part val, but its images do not exist, so there is no such part\n", ""},
		"YOLO without train": {func(t *testing.T, dir string) {
			pictures(t, filepath.Join(dir, "val"), 0, 1, 0, 1)
			write(t, filepath.Join(dir, "data.yaml"), "train: train\nval: val\nnames: [a, b]\n")
		}, [2]int{}, "", "train[0]: "},
		"a name that is not UTF-8": {func(t *testing.T, dir string) {
			pictures(t, dir, 0, 0, 0, 0)
			require.NoError(t, os.Rename(filepath.Join(dir, "0.jpg"), filepath.Join(dir, "caf\xe9.jpg")))
			write(t, filepath.Join(dir, "classes.txt"), "a\n")
		}, [2]int{}, "", `caf\xe9.jpg" is not UTF-8`},
	} {
		t.Run(name, c.check)
	}
}

// A flag of data that is not given is an error.
func TestUnusedDataFlags(t *testing.T) {
	for want, d := range map[string]trainData{
		"--train-images /none: has no effect without --train": {path: instancesFile, images: imagesDir, train: annotatedData{images: "/none"}},
		"--train-split val: has no effect without --train":    {path: instancesFile, images: imagesDir, train: annotatedData{split: "val"}},
		"--val-images /none: has no effect without --val":     {path: instancesFile, images: imagesDir, val: annotatedData{images: "/none"}},
		"--images /none: has no effect without --data":        {images: "/none", train: annotatedData{path: instancesFile, images: imagesDir}, val: annotatedData{path: instancesFile, images: imagesDir}},
	} {
		_, _, err := openData(t, &d)
		require.ErrorContains(t, err, want)
	}
}

// A run goes on without its bad images only if it has no state with them.
func TestResumeSkipsBadImages(t *testing.T) {
	dir, run := t.TempDir(), t.TempDir()
	pictures(t, filepath.Join(dir, "train"), 0, 0)
	pictures(t, filepath.Join(dir, "val"), 0, 0, 0)
	write(t, filepath.Join(dir, "classes.txt"), "a\n")
	cutOff(t, filepath.Join(dir, "val", "1.jpg"))
	o := opened{sources: sources{Train: source{Path: dir, Split: "train"}, Val: source{Path: dir, Split: "val"}}}
	require.NoError(t, o.keep(run))
	resume := func(d trainData) (*coco.Dataset, error) {
		o, err := d.open(t.Context(), new(strings.Builder), run, true)
		return o.val, err
	}
	_, err := resume(trainData{})
	require.ErrorContains(t, err, filepath.Join(dir, "val", "1.jpg"))
	val, err := resume(trainData{skipBad: true})
	require.NoError(t, err)
	require.Len(t, val.Images, 2)
	state := write(t, filepath.Join(run, train.StateFile), "")
	_, err = resume(trainData{skipBad: true})
	require.ErrorContains(t, err, "--skip-bad: the run in "+run+" was begun without it")
	require.NoError(t, os.Remove(state))
	o.sources.SkipBad = true
	require.NoError(t, o.keep(run))
	write(t, filepath.Join(run, train.StateFile), "")
	for _, d := range []trainData{{}, {skipBad: true}} { // begun with it
		val, err = resume(d)
		require.NoError(t, err)
		require.Len(t, val.Images, 2)
	}
}

// Categories that the evaluator tells apart by id are no classes of a model.
func TestTrainDataWithoutNames(t *testing.T) {
	dir := t.TempDir()
	pictures(t, dir, -1)
	path := filepath.Join(dir, "train.json")
	write(t, path, `{"images": [{"id": 1, "file_name": "0.jpg", "width": 60, "height": 39}], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": ""}]}`)
	d := &trainData{shared: true}
	d.train.path, d.val.path = path, path
	_, _, err := openData(t, d)
	require.EqualError(t, err, path+": categories: class 2 has no name, and a model knows classes by their names")
}
