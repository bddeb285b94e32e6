package coco

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLayoutsEqualSupervision reads data sets that the Python package supervision wrote and compares with what it reads
// (testdata/make_layouts.py). It counts Pascal VOC's pixels as the devkit does.
func TestLayoutsEqualSupervision(t *testing.T) {
	type object struct {
		Class string
		Box   [4]float64 // corners
	}
	var golden map[string]map[string][]object
	text, err := os.ReadFile("testdata/layouts/golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &golden))
	for layout, images := range golden {
		t.Run(layout, func(t *testing.T) {
			d, err := Open(filepath.Join("testdata", "layouts", layout), Options{Devkit: true})
			require.NoError(t, err)
			require.NoError(t, d.CheckImages())
			require.Len(t, d.Images, len(images))
			for i, img := range d.Images {
				want := images[path.Base(img.FileName)]
				require.Len(t, d.Objects(i), len(want), img.FileName)
				for j, at := range d.Objects(i) {
					a := d.Annotations[at]
					require.Equal(t, want[j].Class, d.Categories[a.Class-1].Name)
					corners := []float64{a.Box[0], a.Box[1], a.Box[0] + a.Box[2], a.Box[1] + a.Box[3]}
					require.InDeltaSlice(t, want[j].Box[:], corners, 1e-5) // supervision has float32
				}
			}
		})
	}
}
