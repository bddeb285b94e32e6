package layout

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
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
