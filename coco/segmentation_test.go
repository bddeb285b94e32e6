package coco

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMaskBoxes reads boxes of a COCO file from its polygons and masks.
func TestMaskBoxes(t *testing.T) {
	for name, c := range map[string]struct{ fields, want string }{
		"polygons":     {`"segmentation": [[1, 2, 5, 2, 5, 7.5], [0.5, 3, 1, 1, 2, 2]]`, "[0.5 1 4.5 6.5]"},
		"one polygon":  {`"segmentation": [1, 2, 5, 2, 5, 7.5]`, "[1 2 4 5.5]"},
		"compressed":   {`"segmentation": {"size": [9, 9], "counts": "09999999990"}`, "images"},
		"uncompressed": {`"segmentation": {"counts": [5, 2, 12, 2], "size": [5, 6]}`, "[1 0 4 5]"},
		"no pixels":    {`"segmentation": {"counts": [30], "size": [5, 6]}`, "[0 0 0 0]"},
		"box":          {`"segmentation": {"counts": ["x"]}, "bbox": [1, 2, 3, 4]`, "[1 2 3 4]"},
		"empty":        {`"segmentation": []`, "annotations[0].bbox: missing"},
		"null":         {`"segmentation": null`, "annotations[0].bbox: missing"},
		"null box":     {`"segmentation": [[1, 2, 5, 2, 5, 7.5]], "bbox": null`, "annotations[0].bbox: byte"},
		"text":         {`"segmentation": [["x"]]`, "annotations[0].segmentation: byte"},
		"a number":     {`"segmentation": {"counts": [1.5], "size": [5, 6]}`, "annotations[0].segmentation: counts: [0]: 1.5 is not a number of pixels"},
		"too long":     {`"segmentation": {"counts": [31], "size": [5, 6]}`, "annotations[0].segmentation: counts[0]: the runs have more than 6 x 5 pixels"},
		"no size":      {`"segmentation": {"counts": [31]}`, "annotations[0].segmentation: size: missing"},
		"no counts":    {`"segmentation": {"size": [5, 6]}`, "annotations[0].segmentation: counts: missing"},
		"characters":   {`"segmentation": {"size": [5, 6], "counts": "!"}`, `annotations[0].segmentation: counts: character 0: "!" is not compressed RLE`},
		"cut":          {`"segmentation": {"size": [5, 6], "counts": "P"}`, "annotations[0].segmentation: counts: character 1: the text ends inside a number"},
		"huge":         {`"segmentation": {"size": [1e300, 6], "counts": [1]}`, "annotations[0].segmentation: size"},
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"images": [{"id": 1}], "categories": [{"id": 1, "name": "x"}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, ` + c.fields + `}]}`
			d, err := readInstances(strings.NewReader(text), 0, Options{})
			if c.want == "images" {
				return // what pycocotools encodes is tested with its golden values
			}
			if !strings.HasPrefix(c.want, "[") {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, fmt.Sprint(d.Annotations[0].Box))
			require.Equal(t, name != "box", d.Changes.Count() == 1)
		})
	}
}

// TestEllipseBox compares with points of the ellipse.
func TestEllipseBox(t *testing.T) {
	for _, turn := range []float64{0, 30, 90, 123, -45} {
		var e extent
		sin, cos := math.Sincos(turn * math.Pi / 180)
		for i := range 100_000 {
			s, c := math.Sincos(float64(i) * 2 * math.Pi / 100_000)
			e.add(5+7*c*cos-2*s*sin, 6+7*c*sin+2*s*cos)
		}
		want, got := e.box(), ellipseBox(5, 6, 7, 2, turn)
		require.InDeltaSlice(t, want[:], got[:], 1e-5)
	}
}

func FuzzSegmentation(f *testing.F) {
	f.Add(`[[1, 2, 5, 2, 5, 7.5]]`)
	f.Add(`{"size": [9, 9], "counts": "PPYo1"}`)
	f.Add(`{"counts": [5, 2, 12, 2], "size": [5, 6]}`)
	f.Fuzz(func(t *testing.T, text string) {
		text = `{"images": [{"id": 1}], "categories": [{"id": 1, "name": "x"}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": ` + text + `}]}`
		var d *Dataset
		var err error
		requireFrugal(t, text, func() { d, err = readInstances(strings.NewReader(text), int64(len(text)), Options{}) })
		if err != nil {
			require.Less(t, len(err.Error()), 1000)
			return
		}
		for i := range d.Annotations {
			require.True(t, finiteBox(d.Annotations[i].Box))
		}
	})
}
