package layout

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalenet/coco"
	"scalenet/imaging"
)

// tools are the formats of labelling tools.
func tools() map[string]func(w *Writer, ctx context.Context, dir string, parts []Part) error {
	return map[string]func(w *Writer, ctx context.Context, dir string, parts []Part) error{
		"LabelMe": (*Writer).LabelMe, "CVAT": (*Writer).CVAT, "Label Studio": (*Writer).LabelStudio, "Open Images": (*Writer).OpenImages}
}

// TestToolsThereAndBack writes what is odd in every format, and reads it back.
func TestToolsThereAndBack(t *testing.T) {
	remarks := map[string]map[string]int{
		"LabelMe":      {"class without objects, not kept": 1},
		"CVAT":         {},
		"Label Studio": {"class without objects, not kept": 1, "crowd, left out": 1, `flag "difficult", not kept`: 1, `flag "truncated", not kept`: 1},
		"Open Images":  {"box cut at the image's edge": 2, `flag "difficult", not kept`: 1, "image without boxes, not in the file": 1},
	}
	for name, write := range tools() {
		t.Run(name, func(t *testing.T) {
			d := tiny(t)
			before := tree(t, filepath.Dir(d.Path))
			dir := filepath.Join(t.TempDir(), "out")
			w := Writer{ImageFiles: Link, Remarks: coco.Remarks{Keep: 1}}
			require.NoError(t, write(&w, t.Context(), dir, []Part{{"val", d}}))
			require.Equal(t, before, tree(t, filepath.Dir(d.Path)), "the input is as it was")
			remarks[name]["outline (segmentation), not kept"] = 1
			require.Equal(t, remarks[name], counts(&w))
			again := Writer{ImageFiles: Copy, Add: true}
			require.NoError(t, write(&again, t.Context(), dir, []Part{{"train", d}}))
			whole := tree(t, dir)
			require.ErrorContains(t, write(&again, t.Context(), dir, []Part{{"train", d}}), "already exists")
			require.Equal(t, whole, tree(t, dir), "nothing is written over")

			splits, err := coco.Splits(dir)
			require.NoError(t, err)
			require.Equal(t, []string{"train", "val"}, splits)
			for _, split := range splits {
				back, err := coco.Open(dir, coco.Options{Split: split})
				require.NoError(t, err)
				require.NoError(t, back.CheckImages())
				require.Zero(t, back.Changes.Count())
				want := objects(d, func(a coco.Annotation) bool { return name != "Label Studio" || !a.Crowd })
				if name == "Open Images" {
					delete(want, "7.jpg")
					want["8.jpg"][1].Box = [4]float64{0, 10, 16.5, 30.25}
					want["8.jpg"][2].Box = [4]float64{0, 10, 10, 30}
				}
				require.Equal(t, want, objects(back, nil), "to the bit")
				if name == "CVAT" || name == "Open Images" {
					require.Equal(t, d.ClassNames(), back.ClassNames())
				} else {
					require.Equal(t, []string{"ant & bee", "cat"}, back.ClassNames())
				}
				for i, a := range back.Annotations {
					if name != "Label Studio" {
						require.Equal(t, d.Annotations[i].Crowd, a.Crowd)
						require.Equal(t, d.Annotations[i].Truncated, a.Truncated)
						require.Equal(t, d.Annotations[i].Difficult && name != "Open Images", a.Difficult)
					}
				}
				require.True(t, strings.Contains(back.ImagePath(0), split), "%s: images of the split", back.ImagePath(0))
			}
		})
	}
}

// TestRandomThroughTools takes random boxes of whole pixels and of six decimals, of odd names, through every format.
func TestRandomThroughTools(t *testing.T) {
	images := t.TempDir()
	sizes := [][2]int{{1, 1}, {7, 300}, {64, 48}}
	for i, s := range sizes {
		require.NoError(t, imaging.New(s[0], s[1]).Save(filepath.Join(images, fmt.Sprintf("%d é.png", i))))
	}
	name := rapid.StringMatching(`[a-zA-Z0-9 <>&"'é,;/_-]{1,12}`).Filter(func(s string) bool { return strings.TrimSpace(s) == s })
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "tools")
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		classes := rapid.SliceOfNDistinct(name, 1, 4, rapid.ID).Draw(t, "classes")
		slices.Sort(classes)
		var list, boxes, categories []string
		for i, s := range sizes {
			list = append(list, fmt.Sprintf(`{"id": %d, "file_name": "%d é.png", "width": %d, "height": %d}`, i, i, s[0], s[1]))
			for range rapid.IntRange(1, 5).Draw(t, "boxes") {
				side := func(size int, label string) (from, length float64) {
					a, b := rapid.IntRange(0, size*1_000_000).Draw(t, label), rapid.IntRange(0, size*1_000_000).Draw(t, label)
					return float64(min(a, b)) / 1e6, float64(max(a, b)-min(a, b)) / 1e6
				}
				x, w := side(s[0], "x")
				y, h := side(s[1], "y")
				boxes = append(boxes, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "bbox": [%v, %v, %v, %v]}`, len(boxes), i,
					rapid.IntRange(0, len(classes)-1).Draw(t, "class"), x, y, w, h))
			}
		}
		for i, c := range classes {
			text, err := json.Marshal(c)
			require.NoError(t, err)
			categories = append(categories, fmt.Sprintf(`{"id": %d, "name": %s}`, i, text))
		}
		file := filepath.Join(dir, "gt.json")
		require.NoError(t, os.WriteFile(file, []byte(`{"images": [`+strings.Join(list, ",")+`], "annotations": [`+strings.Join(boxes, ",")+`], "categories": [`+strings.Join(categories, ",")+`]}`), 0o644))
		d, err := coco.Open(file, coco.Options{Images: images})
		require.NoError(t, err)
		for format, write := range tools() {
			out := filepath.Join(dir, format)
			w := Writer{ImageFiles: Link}
			require.NoError(t, write(&w, context.Background(), out, []Part{{"train", d}}))
			back, err := coco.Open(out, coco.Options{Split: "train"})
			require.NoError(t, err, format)
			require.Equal(t, objects(d, nil), objects(back, nil), format)
		}
	})
}

// TestToolsRefuse checks what cannot be written. Nothing is left of it.
func TestToolsRefuse(t *testing.T) {
	for name, write := range tools() {
		t.Run(name, func(t *testing.T) {
			d := tiny(t)
			dir := filepath.Join(t.TempDir(), "out")
			require.ErrorContains(t, write(&Writer{ImageFiles: Leave}, t.Context(), dir, []Part{{"train", d}}), `images "leave": a `+name+` folder contains its images`)
			require.ErrorContains(t, write(&Writer{ImageFiles: Link}, t.Context(), dir, []Part{{"mine", d}}), `split "mine": a `+name+` data set has train, val and test`)
			gone := *d
			gone.ImagesDir = t.TempDir()
			require.ErrorContains(t, write(&Writer{ImageFiles: Link}, t.Context(), dir, []Part{{"train", &gone}}), "none of its 3 images found")
			left, err := os.ReadDir(filepath.Dir(dir))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
	d := tiny(t)
	d.Categories[0].Name = "a\nb"
	w := Writer{ImageFiles: Link}
	require.ErrorContains(t, w.OpenImages(t.Context(), filepath.Join(t.TempDir(), "x"), []Part{{"train", d}}), `class "a\nb" has a line break`)
}

// TestRealDataThroughTools converts real data sets to every format and compares what is read of it.
func TestRealDataThroughTools(t *testing.T) {
	for set, open := range map[string]func() (*coco.Dataset, error){
		"bccd": func() (*coco.Dataset, error) { return coco.Open(shared(t, "bccd"), coco.Options{Split: "val"}) },
		"coco-everyday": func() (*coco.Dataset, error) {
			return coco.Open(shared(t, "coco-everyday", "val.json"), coco.Options{Images: shared(t, "coco-everyday", "images")})
		},
		"coco-sample": func() (*coco.Dataset, error) {
			return coco.Open(shared(t, "coco-sample", "annotations", "instances_val2017.json"), coco.Options{Images: shared(t, "coco-sample", "val2017")})
		},
	} {
		for name, write := range tools() {
			t.Run(set+" "+name, func(t *testing.T) {
				d, err := open()
				require.NoError(t, err)
				dir := filepath.Join(t.TempDir(), "out")
				w := Writer{ImageFiles: Link}
				require.NoError(t, write(&w, t.Context(), dir, []Part{{"train", d}}))
				back, err := coco.Open(dir, coco.Options{Split: "train"})
				require.NoError(t, err)
				cut := counts(&w)["box cut at the image's edge"]
				want := objects(d, func(a coco.Annotation) bool { return name != "Label Studio" || !a.Crowd })
				got := objects(back, nil)
				moved := 0
				for file, list := range want {
					if len(list) == 0 && name == "Open Images" {
						continue
					}
					require.Len(t, got[file], len(list), file)
					for i := range list {
						require.Equal(t, list[i].Class, got[file][i].Class)
						if !slices.Equal(list[i].Box[:], got[file][i].Box[:]) {
							require.InDeltaSlice(t, list[i].Box[:], got[file][i].Box[:], 1.01)
							moved++
						}
					}
				}
				require.LessOrEqual(t, moved, cut, "but for boxes that were cut, the same bits")
			})
		}
	}
}
