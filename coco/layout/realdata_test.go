package layout

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
)

// shared is a path in the folder of shared data; the test is skipped where that is not there.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("SCALENET_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root, "data"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skip("shared data not found: " + path)
	}
	return path
}

// TestRealDataThereAndBack takes BCCD as published, with two boxes of no area, and COCO's own files, with crowds and images
// without boxes, through every other layout: the boxes are the same bits.
func TestRealDataThereAndBack(t *testing.T) {
	open := func(path string, opt coco.Options) *coco.Dataset {
		d, err := coco.Open(path, opt)
		require.NoError(t, err)
		return d
	}
	sets := map[string]*coco.Dataset{}
	bccd := shared(t, "bccd")
	for _, split := range []string{"train", "val"} {
		sets["bccd "+split] = open(bccd, coco.Options{Split: split})
		name := split + "2017"
		sets["coco "+split] = open(shared(t, "coco-sample", "annotations", "instances_"+name+".json"), coco.Options{Images: shared(t, "coco-sample", name)})
	}
	for name, d := range sets {
		for _, devkit := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " VOC ", devkit), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "x")
				w := Writer{ImageFiles: Link, Devkit: devkit}
				require.NoError(t, w.VOC(t.Context(), dir, []Part{{"val", d}}))
				back := open(dir, coco.Options{Split: "val", Devkit: devkit})
				require.NoError(t, back.CheckImages())
				require.Equal(t, len(d.Annotations), w.Boxes)
				if !devkit || strings.HasPrefix(name, "bccd") {
					require.Equal(t, objects(d, nil), objects(back, nil))
				}
				flags := func(d *coco.Dataset) (all [][3]bool) {
					for i := range d.Images {
						for _, at := range d.Objects(i) {
							a := d.Annotations[at]
							all = append(all, [3]bool{a.Crowd, a.Difficult, a.Truncated})
						}
					}
					return all
				}
				require.Equal(t, flags(d), flags(back))
				require.NoError(t, numbers(d, back))
			})
		}
		t.Run(name+" YOLO", func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "x")
			w := Writer{ImageFiles: Link}
			require.NoError(t, w.YOLO(t.Context(), dir, []Part{{"val", d}}))
			back := open(dir, coco.Options{Split: "val"})
			require.Equal(t, objects(d, func(a coco.Annotation) bool { return !a.Crowd }), objects(back, nil))
			require.Equal(t, len(d.Annotations)-w.Boxes, counts(&w)["crowd, left out"])
			require.Zero(t, counts(&w)["box cut at the image's edge"])
			require.Equal(t, d.ClassNames(), back.ClassNames())
			require.NoError(t, numbers(d, back))
		})
		t.Run(name+" COCO", func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.json")
			w := Writer{ImageFiles: Leave}
			require.NoError(t, w.COCO(t.Context(), file, d))
			back := open(file, coco.Options{Images: d.ImagesDir})
			require.Equal(t, d.Images, back.Images)
			require.Equal(t, d.Categories, back.Categories)
			require.Equal(t, d.Annotations, back.Annotations)
		})
	}
}

// numbers checks that COCO's ids come back from the names of its files; those of BCCD are none.
func numbers(d, back *coco.Dataset) error {
	if err := back.NumberByName(); err != nil {
		if strings.Contains(back.Images[0].FileName, "BloodImage") {
			return nil
		}
		return err
	}
	ids := map[string]int64{}
	for _, img := range d.Images {
		ids[path.Base(img.FileName)] = img.ID
	}
	for _, img := range back.Images {
		if id := ids[path.Base(img.FileName)]; id != img.ID {
			return fmt.Errorf("%s: id %d, was %d", img.FileName, img.ID, id)
		}
	}
	return nil
}
