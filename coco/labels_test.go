package coco

import (
	"encoding/json"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLabelsEqualTheirTools reads data sets of CVAT, Label Studio, Open Images and LabelMe, and compares with what datumaro, Label
// Studio's converter and LabelMe make of them (testdata/make_labels.py). LabelMe fills pixels: one more than an outline at most.
func TestLabelsEqualTheirTools(t *testing.T) {
	type object struct {
		Class string
		Box   [4]float64 // corners
	}
	var golden map[string]map[string][]json.RawMessage
	text, err := os.ReadFile("testdata/labels/golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &golden))
	require.Len(t, golden, 4)
	changes := map[string]map[string]int{
		"cvat":       {changedPolygon: 2, changedMask: 2, changedRotated: 1},
		"studio":     {changedPolygon: 2, changedMask: 2, changedRotated: 2},
		"openimages": {},
		"labelme":    {changedPolygon: 2, changedEllipse: 2},
	}
	for layout, images := range golden {
		t.Run(layout, func(t *testing.T) {
			delta := map[string]float64{"labelme": 1.5, "studio": 1e-3, "cvat": 0.011}[layout] // datumaro's masks and CVAT's numbers have two decimals
			left := 0
			d, err := Open(filepath.Join("testdata", "labels", layout), Options{Unannotated: func(error) { left++ }})
			require.NoError(t, err)
			require.NoError(t, d.CheckImages())
			if layout == "openimages" {
				require.Equal(t, 1, left, "an image without a row")
				delete(images, "empty")
			}
			require.Len(t, d.Images, len(images))
			if layout == "cvat" || layout == "openimages" {
				require.Equal(t, []string{"zebra", "ant & bee", "cat"}, d.ClassNames(), "as declared")
			} else {
				require.True(t, slices.IsSorted(d.ClassNames()))
			}
			counts := map[string]int{}
			for _, k := range d.Changes.Kinds() {
				counts[k.Kind] = k.Count
			}
			require.Equal(t, changes[layout], counts)
			for i, img := range d.Images {
				name := strings.TrimPrefix(stem(filepath.Base(img.FileName)), "0f1e2d3c-")
				var want []object
				for _, raw := range images[name] {
					var o object
					require.NoError(t, json.Unmarshal(raw, &[]any{&o.Class, &o.Box}))
					want = append(want, o)
				}
				var got []object
				for _, at := range d.Objects(i) {
					b := d.Annotations[at].Box
					got = append(got, object{d.Categories[d.Annotations[at].Class-1].Name, [4]float64{b[0], b[1], b[0] + b[2], b[1] + b[3]}})
				}
				require.Len(t, got, len(want), img.FileName)
				for _, w := range want { // readers order by kind
					at := slices.IndexFunc(got, func(g object) bool {
						for i := range g.Box {
							if math.Abs(g.Box[i]-w.Box[i]) > delta {
								return false
							}
						}
						return g.Class == w.Class
					})
					require.GreaterOrEqual(t, at, 0, "%s: no %v in %v", path.Base(img.FileName), w, got)
					got = slices.Delete(got, at, at+1)
				}
			}
		})
	}
}

// TestRLEEqualsPycocotools compares the boxes of masks.
func TestRLEEqualsPycocotools(t *testing.T) {
	var cases []struct {
		Size       [2]int64
		Compressed string
		Counts     runs
		Box        [4]float64
	}
	text, err := os.ReadFile("testdata/labels/rle.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Greater(t, len(cases), 30)
	for _, c := range cases {
		read, err := runs(nil).decompress(c.Compressed)
		require.NoError(t, err)
		require.Equal(t, c.Counts, read)
		box, err := read.box(c.Size[1], c.Size[0])
		require.NoError(t, err)
		require.Equal(t, c.Box, box)
		require.Equal(t, [2]float64{c.Box[2], c.Box[3]}, [2]float64{box[2], box[3]})
	}
}
