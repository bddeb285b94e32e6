package layout

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
)

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// tiny writes a COCO data set of three images with whatever is odd: an image without boxes, a crowd, flags, boxes of no area,
// of odd decimals, reaching out of the image, a class without objects, gaps in ids.
func tiny(t testing.TB) *coco.Dataset {
	dir := t.TempDir()
	for name, size := range map[string][2]int{"000012.png": {640, 480}, "7.jpg": {33, 70}, "sub/8.jpg": {50, 51}} {
		path := filepath.Join(dir, "images", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, imaging.New(size[0], size[1]).Save(path))
	}
	file := writeFile(t, filepath.Join(dir, "gt.json"), `{
		"images": [{"id": 12, "file_name": "000012.png", "width": 640, "height": 480}, {"id": 7, "file_name": "7.jpg"}, {"id": 8, "file_name": "sub/8.jpg", "width": 50, "height": 51}],
		"categories": [{"id": 3, "name": "ant & bee"}, {"id": 90, "name": "<none>"}, {"id": 91, "name": "cat"}],
		"annotations": [
		{"id": 1, "image_id": 12, "category_id": 91, "bbox": [473.07, 395.93, 38.65, 28.67], "area": 500.5, "truncated": 1},
		{"id": 2, "image_id": 12, "category_id": 3, "bbox": [0, 0, 640, 480], "difficult": 1},
		{"id": 3, "image_id": 12, "category_id": 3, "bbox": [504, 337, 0, 0]},
		{"id": 4, "image_id": 12, "category_id": 91, "bbox": [1, 190, 638, 101], "iscrowd": 1},
		{"id": 9, "image_id": 8, "category_id": 3, "bbox": [0.123456, 0.1, 49.876544, 0.7], "segmentation": [[1, 2, 3, 4, 5, 6]]},
		{"id": 8, "image_id": 8, "category_id": 91, "bbox": [-3.5, 10, 20, 30.25]},
		{"id": 10, "image_id": 8, "category_id": 91, "bbox": [-40, 10, 50, 30]}]}`)
	d, err := coco.Open(file, coco.Options{})
	require.NoError(t, err)
	return d
}

// object is what every layout can hold of an annotation.
type object struct {
	Class string
	Box   [4]float64
}

// objects lists what is on each image, by the name of its file.
func objects(d *coco.Dataset, keep func(a coco.Annotation) bool) map[string][]object {
	all := map[string][]object{}
	for i, img := range d.Images {
		list := []object{}
		for _, at := range d.Objects(i) {
			if a := d.Annotations[at]; keep == nil || keep(a) {
				list = append(list, object{d.Categories[a.Class-1].Name, a.Box})
			}
		}
		all[path.Base(img.FileName)] = list
	}
	return all
}

// tree is a fingerprint of every file below a folder, links not followed.
func tree(t testing.TB, dir string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if e.Type()&fs.ModeSymlink != 0 {
			files[path], err = os.Readlink(path)
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	}))
	return files
}

func counts(w *Writer) map[string]int {
	all := map[string]int{}
	for _, k := range w.Remarks.Kinds() {
		all[k.Kind] = k.Count
	}
	return all
}

func TestVOCThereAndBack(t *testing.T) {
	d := tiny(t)
	before := tree(t, filepath.Dir(d.Path))
	dir := filepath.Join(t.TempDir(), "new", "voc")
	w := Writer{ImageFiles: Copy, Remarks: coco.Remarks{Keep: -1}}
	require.NoError(t, w.VOC(t.Context(), dir, []Part{{"val", d}}))
	require.Equal(t, before, tree(t, filepath.Dir(d.Path)), "the input is as it was")
	require.Equal(t, map[string]int{"outline (segmentation), not kept": 1, "class without objects, not kept": 1}, counts(&w))
	require.Contains(t, w.Remarks.Kinds()[1].First[0], "gt.json: <none>")
	require.Equal(t, []int{3, 7}, []int{w.Images, w.Boxes})

	back, err := coco.Open(dir, coco.Options{Split: "val"})
	require.NoError(t, err)
	require.NoError(t, back.CheckImages())
	require.Equal(t, objects(d, nil), objects(back, nil), "to the bit")
	require.Equal(t, []string{"ant & bee", "cat"}, back.ClassNames())
	for i, a := range back.Annotations {
		require.Equal(t, d.Annotations[i].Crowd, a.Crowd)
		require.Equal(t, d.Annotations[i].Difficult, a.Difficult)
		require.Equal(t, d.Annotations[i].Truncated, a.Truncated)
	}
	require.Equal(t, coco.Image{ID: 2, FileName: "7.jpg", Width: 33, Height: 70}, back.Images[1], "a size that was not annotated")
	require.NoError(t, back.NumberByName())
	require.Equal(t, []int64{12, 7, 8}, []int64{back.Images[0].ID, back.Images[1].ID, back.Images[2].ID})
	left, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, left, 1, "temporary folders are gone")
}

func TestDevkitThereAndBack(t *testing.T) {
	d := tiny(t)
	dir := filepath.Join(t.TempDir(), "voc")
	w := Writer{ImageFiles: Link, Devkit: true}
	require.NoError(t, w.VOC(t.Context(), dir, []Part{{"val", d}}))
	require.Equal(t, 3, counts(&w)["box rounded to whole pixels"])
	text, err := os.ReadFile(filepath.Join(dir, "Annotations", "000012.xml"))
	require.NoError(t, err)
	corners := func(x1, y1, x2, y2 int) string {
		return fmt.Sprintf("<xmin>%d</xmin><ymin>%d</ymin><xmax>%d</xmax><ymax>%d</ymax>", x1, y1, x2, y2)
	}
	got := strings.Join(strings.Fields(string(text)), "")
	for _, want := range []string{corners(1, 1, 640, 480), corners(474, 397, 512, 425), corners(505, 338, 504, 337), corners(2, 191, 639, 291)} {
		require.Contains(t, got, want)
	}
	back, err := coco.Open(dir, coco.Options{Split: "val", Devkit: true})
	require.NoError(t, err)
	for i, a := range back.Annotations {
		for j, v := range a.Box {
			require.InDelta(t, d.Annotations[i].Box[j], v, 1, "a corner moves by half a pixel, a side by one")
		}
	}
}

func TestYOLOThereAndBack(t *testing.T) {
	d := tiny(t)
	before := tree(t, filepath.Dir(d.Path))
	dir := filepath.Join(t.TempDir(), "yolo")
	w := Writer{ImageFiles: Link, Remarks: coco.Remarks{Keep: 1}}
	require.NoError(t, w.YOLO(t.Context(), dir, []Part{{"train", d}}))
	require.Equal(t, before, tree(t, filepath.Dir(d.Path)), "the input is as it was")
	require.Equal(t, map[string]int{"outline (segmentation), not kept": 1, "crowd, left out": 1, `flag "difficult", not kept`: 1,
		`flag "truncated", not kept`: 1, "box cut at the image's edge": 1}, counts(&w))
	require.Equal(t, []int{3, 6}, []int{w.Images, w.Boxes})

	back, err := coco.Open(dir, coco.Options{Split: "train"})
	require.NoError(t, err)
	require.NoError(t, back.CheckImages())
	require.Equal(t, d.ClassNames(), back.ClassNames())
	want := objects(d, func(a coco.Annotation) bool { return !a.Crowd })
	want["8.jpg"][2].Box = [4]float64{0, 10, 10, 30} // its centre is outside
	require.Equal(t, want, objects(back, nil), "to the bit")

	// The other split is added; nothing is written over.
	again := Writer{ImageFiles: Link, Add: true}
	require.NoError(t, again.YOLO(t.Context(), dir, []Part{{"val", d}}))
	back, err = coco.Open(dir, coco.Options{Split: "val"})
	require.NoError(t, err)
	require.Equal(t, want, objects(back, nil))
	whole := tree(t, dir)
	require.ErrorContains(t, again.YOLO(t.Context(), dir, []Part{{"val", d}}), "data.yaml: val: already exists")
	other := *d
	other.Categories = slices.Clone(d.Categories)
	other.Categories[0].Name = "dog"
	require.ErrorContains(t, again.YOLO(t.Context(), dir, []Part{{"test", &other}}), `class 0 is "ant & bee", but in `)
	require.Equal(t, whole, tree(t, dir))
}

func TestCOCO(t *testing.T) {
	d := tiny(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "a", "out.json")
	require.NoError(t, os.Mkdir(filepath.Dir(file), 0o755))
	w := Writer{ImageFiles: Copy}
	require.NoError(t, w.COCO(t.Context(), file, d))
	back, err := coco.Open(file, coco.Options{})
	require.NoError(t, err)
	require.NoError(t, back.CheckImages())
	require.Equal(t, d.Annotations, back.Annotations)
	require.Equal(t, d.Categories, back.Categories)
	require.Equal(t, "8.jpg", back.Images[2].FileName)

	left := Writer{ImageFiles: Leave}
	require.ErrorContains(t, left.COCO(t.Context(), file, d), "out.json: already exists")
	left.Overwrite = true
	require.NoError(t, left.COCO(t.Context(), file, d))
	back, err = coco.Open(file, coco.Options{Images: d.ImagesDir})
	require.NoError(t, err)
	require.NoError(t, back.CheckImages())

	folder := filepath.Join(dir, "b")
	require.NoError(t, w.COCOFolder(t.Context(), folder, []Part{{"train", d}, {"val", d}}))
	for _, part := range []string{"train", "val"} {
		back, err = coco.Open(filepath.Join(folder, "instances_"+part+".json"), coco.Options{})
		require.NoError(t, err)
		require.NoError(t, back.CheckImages())
		require.Equal(t, part+"/sub_8.jpg", back.Images[2].FileName, "names in two parts get their folders")
	}
}

// Names with blanks go through every layout, one that ends in a number beside one that does not.
func TestBlanks(t *testing.T) {
	d := tiny(t)
	d.Images = slices.Clone(d.Images)
	for i, name := range []string{"my photo.jpg", "my photo 1.jpg", "my  photo\t0.jpg"} {
		require.NoError(t, os.Rename(d.ImagePath(i), filepath.Join(d.ImagesDir, name)))
		d.Images[i].FileName = name
	}
	dir := t.TempDir()
	w := Writer{ImageFiles: Link}
	require.NoError(t, w.VOC(t.Context(), filepath.Join(dir, "voc"), []Part{{"train", d}}))
	require.NoError(t, w.YOLO(t.Context(), filepath.Join(dir, "yolo"), []Part{{"train", d}}))
	for _, layout := range []string{"voc", "yolo"} {
		back, err := coco.Open(filepath.Join(dir, layout), coco.Options{Split: "train"})
		require.NoError(t, err)
		require.NoError(t, back.CheckImages())
		var names []string
		for _, img := range back.Images {
			names = append(names, filepath.Base(img.FileName))
		}
		require.ElementsMatch(t, []string{"my photo.jpg", "my photo 1.jpg", "my  photo\t0.jpg"}, names)
	}
}

// Sizes that are not annotated are read from the images and written.
func TestSizes(t *testing.T) {
	for name, write := range map[string]func(w *Writer, dir string, d *coco.Dataset) (file string, err error){
		"file": func(w *Writer, dir string, d *coco.Dataset) (string, error) {
			w.ImageFiles = Leave
			return filepath.Join(dir, "x.json"), w.COCO(t.Context(), filepath.Join(dir, "x.json"), d)
		},
		"folder": func(w *Writer, dir string, d *coco.Dataset) (string, error) {
			return filepath.Join(dir, "x", "instances_train.json"), w.COCOFolder(t.Context(), filepath.Join(dir, "x"), []Part{{"train", d}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := tiny(t)
			d.Images = slices.Clone(d.Images)
			d.Images[0].Width, d.Images[2].Width, d.Images[2].Height = 0, 0, 0
			w := Writer{ImageFiles: Link, Remarks: coco.Remarks{Keep: 3}}
			file, err := write(&w, t.TempDir(), d)
			require.NoError(t, err)
			require.Equal(t, 3, counts(&w)["size not annotated, read from the image"])
			back, err := coco.ReadCOCO(file, "")
			require.NoError(t, err)
			for i, want := range [][2]int{{640, 480}, {33, 70}, {50, 51}} {
				require.Equal(t, want, [2]int{back.Images[i].Width, back.Images[i].Height})
			}
		})
	}
	d := tiny(t)
	require.NoError(t, os.Remove(d.ImagePath(1)))
	w := Writer{ImageFiles: Leave, Remarks: coco.Remarks{Keep: 3}}
	require.NoError(t, w.COCO(t.Context(), filepath.Join(t.TempDir(), "x.json"), d))
	require.Equal(t, 1, counts(&w)["size not annotated and image not readable, written as 0"])
}

func TestRefusals(t *testing.T) {
	d := tiny(t)
	dir := filepath.Join(t.TempDir(), "out")
	parts := []Part{{"train", d}}
	w := Writer{ImageFiles: Leave}
	require.ErrorContains(t, w.YOLO(t.Context(), dir, parts), `images "leave": a YOLO folder contains its images`)
	require.ErrorContains(t, w.VOC(t.Context(), dir, parts), "a Pascal VOC folder")
	require.ErrorContains(t, w.COCOFolder(t.Context(), dir, parts), "a COCO folder")
	w.ImageFiles = Link
	require.ErrorContains(t, w.YOLO(t.Context(), dir, []Part{{"mine", d}}), `split "mine"`)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, w.YOLO(ended, dir, parts), context.Canceled)
	twice := *d
	twice.Images = slices.Clone(d.Images)
	twice.Images[2].FileName = "./7.jpg"
	require.ErrorContains(t, w.VOC(t.Context(), dir, []Part{{"train", &twice}}), "images[2].file_name: ./7.jpg would be written as 7.jpg, the name of images[1]")
	blank := *d
	blank.Images = slices.Clone(d.Images)
	require.NoError(t, os.Rename(d.ImagePath(1), filepath.Join(d.ImagesDir, " a b.jpg")))
	blank.Images[1].FileName = " a b.jpg"
	require.ErrorContains(t, w.VOC(t.Context(), dir, []Part{{"train", &blank}}), `" a b.jpg": Pascal VOC lists cannot hold names with leading or trailing blanks`)
	require.NoDirExists(t, dir)

	// 7.jpg is gone: it is left out and named. When all are gone, the folder of images is wrong.
	require.NoError(t, w.YOLO(t.Context(), dir, parts))
	require.Equal(t, 1, counts(&w)["image not found, left out"])
	gone := *d
	gone.ImagesDir = t.TempDir()
	require.ErrorContains(t, w.YOLO(t.Context(), dir+"2", []Part{{"train", &gone}}), "none of its 3 images found")
	left, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.ErrorContains(t, w.YOLO(t.Context(), dir, parts), "out: already exists")
}
