package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
)

// dataset opens a COCO file with images of 100 x 100 pixels and objects "image class x y w h flags",
// with ids from 0. The flags are 1 for a crowd and 2 for an object to ignore.
func dataset(t testing.TB, images int, objects ...string) *coco.Dataset {
	dir := t.TempDir()
	var list, boxes []string
	for i := range images {
		name := fmt.Sprintf("%d.png", i+1)
		require.NoError(t, imaging.New(100, 100).Save(filepath.Join(dir, name)))
		list = append(list, fmt.Sprintf(`{"id": %d, "file_name": %q, "width": 100, "height": 100}`, i+1, name))
	}
	for i, o := range objects {
		var image, class, x, y, w, h, crowd int
		_, err := fmt.Sscan(o, &image, &class, &x, &y, &w, &h, &crowd)
		require.NoError(t, err)
		boxes = append(boxes, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "bbox": [%d, %d, %d, %d], "iscrowd": %d, "ignore": %d}`,
			i, image, class, x, y, w, h, crowd&1, crowd>>1))
	}
	file := filepath.Join(dir, "gt.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"images": [`+strings.Join(list, ",")+`], "annotations": [`+strings.Join(boxes, ",")+
		`], "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}`), 0o644))
	d, err := coco.Open(file, coco.Options{})
	require.NoError(t, err)
	return d
}

func results(path string, rows ...[7]float64) *coco.Results {
	r := &coco.Results{Path: path}
	for _, v := range rows {
		r.Add(int64(v[0]), int64(v[1]), [4]float64{v[2], v[3], v[4], v[5]}, v[6])
	}
	return r
}

func TestFind(t *testing.T) {
	good := "1 1 10 10 20 20 0"
	found := [7]float64{1, 1, 10, 10, 20, 20, 0.9}
	for name, c := range map[string]struct {
		objects []string
		rows    [][7]float64
		want    []string
	}{
		"good":                      {[]string{good}, [][7]float64{found}, nil},
		"nothing":                   {nil, nil, nil},
		"no detections":             {[]string{good}, nil, nil},
		"missing":                   {[]string{good}, [][7]float64{found, {1, 2, 60, 60, 20, 20, 0.8}, {1, 1, 61, 61, 20, 20, 0.4}}, []string{"missing 0.80 dog"}},
		"class":                     {[]string{good}, [][7]float64{{1, 2, 10, 10, 20, 20, 0.75}, {1, 1, 10, 10, 20, 20, 0.25}}, []string{"wrong class 0.50 cat dog"}},
		"class, alone":              {[]string{good}, [][7]float64{{1, 2, 10, 10, 20, 20, 0.75}}, []string{"wrong class 0.75 cat dog"}},
		"right class":               {[]string{good}, [][7]float64{{1, 2, 10, 10, 20, 20, 0.25}, {1, 1, 10, 10, 20, 20, 0.75}}, nil},
		"two classes on each other": {[]string{good, "1 2 12 10 20 20 0"}, [][7]float64{found, {1, 2, 12, 10, 20, 20, 0.95}}, nil},
		"loose": {[]string{good, "1 1 50 50 20 20 0", "1 1 50 10 20 20 0"}, [][7]float64{found, {1, 1, 50, 50, 20, 20, 0.9}, {1, 1, 50, 10, 20, 10, 0.7}},
			[]string{"loose box 0.70 cat cat"}},
		"crowd":          {[]string{"1 1 0 0 100 100 1"}, [][7]float64{found}, nil},
		"ignored":        {[]string{"1 1 10 10 20 30 2"}, [][7]float64{found}, nil},
		"inside ignored": {[]string{"1 1 0 0 100 100 2"}, [][7]float64{found}, []string{"missing 0.90 cat"}},
		"weak":           {[]string{good}, [][7]float64{found, {1, 2, 60, 60, 20, 20, 0.01}}, nil},
		"empty":          {[]string{"1 1 10 10 0 0 0"}, [][7]float64{{1, 1, 60, 60, 20, 20, 0.9}}, []string{"missing 0.90 cat"}},
		"ranked":         {[]string{good}, [][7]float64{found, {1, 2, 60, 60, 20, 20, 0.3}, {1, 2, 60, 10, 20, 20, 0.6}}, []string{"missing 0.60 dog", "missing 0.30 dog"}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Find(dataset(t, 2, c.objects...), []*coco.Results{results("a.json", c.rows...)}, Options{MinScore: 0.05})
			require.NoError(t, err)
			var got []string
			for _, p := range r.Proposals {
				got = append(got, strings.Join(strings.Fields(fmt.Sprintf("%s %.2f %s %s", p.Kind, p.Rank, p.Label, p.Class)), " "))
			}
			require.Equal(t, c.want, got)
			require.Equal(t, 2, r.Images)
			if len(c.rows) > 0 {
				require.Equal(t, 1, r.Unjudged, "the other image")
			}
		})
	}
}

func TestFindRefuses(t *testing.T) {
	d := dataset(t, 2, "1 1 10 10 20 20 0")
	row := func(image, class float64) [7]float64 { return [7]float64{image, class, 1, 1, 5, 5, 0.5} }
	for want, all := range map[string][]*coco.Results{
		"b.json: [1].image_id: the image 1 has detections in a.json too": {results("a.json", row(1, 1)), results("b.json", row(2, 1), row(1, 1))},
		"gt.json has no image with the id 7":                             {results("a.json", row(7, 1))},
	} {
		_, err := Find(d, all, Options{})
		require.ErrorContains(t, err, want)
	}
	r, err := Find(d, []*coco.Results{results("a.json", row(1, 1)), results("b.json", row(2, 1), row(2, 3), row(2, 3))}, Options{})
	require.NoError(t, err)
	require.Equal(t, 2, r.Unlisted, "a model may have more classes than the data")
}

func TestWrite(t *testing.T) {
	d := dataset(t, 3, "1 1 10 10 20 20 0", "2 1 90 90 10 10 0")
	require.NoError(t, os.Remove(d.ImagePath(2)))
	d.Categories[1].Name = "<b>"
	r, err := Find(d, []*coco.Results{results("a.json", [7]float64{1, 2, 10, 10, 20, 20, 0.9}, [7]float64{2, 2, 60, -5, 80, 300, 0.8}, [7]float64{3, 2, 60, 60, 20, 20, 0.7},
		[7]float64{1, 2, 500, 500, 20, 20, 0.6}, [7]float64{2, 1, 1, 1, 0, 0, 0.5})}, Options{Top: 4})
	require.NoError(t, err)
	require.Equal(t, 5, r.Considered)
	dir := t.TempDir()
	require.NoError(t, r.Write(dir))
	page, err := os.ReadFile(filepath.Join(dir, "audit.html"))
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(page), `<img src="data:image/jpeg;base64,`))
	require.Contains(t, string(page), "label cat, model &lt;b&gt;")
	require.NotContains(t, string(page), "ZgotmplZ")
	require.Contains(t, string(page), "3.png: no such file")
	text, err := os.ReadFile(filepath.Join(dir, "audit.json"))
	require.NoError(t, err)
	var back Report
	require.NoError(t, json.Unmarshal(text, &back))
	require.Len(t, back.Proposals, 4)
	require.Zero(t, *back.Proposals[0].Annotation, "0 is an id like any other")
	require.Contains(t, string(page), "1.png, annotation 0</span>")
	require.Nil(t, back.Proposals[1].Annotation)
	require.Nil(t, back.Proposals[1].Box)
}

// Boxes may lie anywhere.
func TestPictureOfBoxesOutside(t *testing.T) {
	inside := [4]float64{10, 10, 60, 60}
	for _, box := range [][4]float64{inside, {1e19, 10, 60, 60}, {10, -1e19, 60, 60}, {-1e308, -1e308, 1e308, 1e308}, {1e308, 10, 1e308, 60}, {10, 10, -1e300, 1e300}} {
		for _, p := range []Proposal{{Proposed: box}, {Proposed: box, Box: &inside, Label: "cat"}, {Proposed: inside, Box: &box, Label: "cat"}} {
			jpeg, err := picture(imaging.New(100, 80), &p)
			require.NoError(t, err, box)
			_, err = imaging.Decode(jpeg, imaging.Limits{})
			require.NoError(t, err, box)
		}
	}
}
