package coco

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shared is a path in the folder of shared data; the test is skipped where that is not there.
func shared(t testing.TB, parts ...string) string {
	t.Helper()
	root := os.Getenv("SCALENET_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skip("shared data not found: " + path)
	}
	return path
}

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

const tinyInstances = `{"info": {"x": [1, {"y": null}]}, "images": [{"id": 0, "file_name": "a.jpg", "width": 20, "height": 10}, {"id": 7, "file_name": "b \"\u00e9\".jpg"}],
"annotations": [{"id": 5, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3.5, 4e0], "area": 9, "iscrowd": 1, "segmentation": [[1, 2]]},
 {"id": 6, "image_id": 0, "category_id": 0, "bbox": [-1, 2, 0, 4]}, {"id": 0, "image_id": 7, "category_id": 0, "bbox": [1, 2, 3, 4], "ignore": true}],
"categories": [{"id": 3, "name": "three"}, {"id": 0, "name": "zero"}]}`

func TestReadCOCO(t *testing.T) {
	d, err := readInstances(strings.NewReader(tinyInstances), 0, Options{})
	require.NoError(t, err)
	require.Equal(t, []Image{{0, "a.jpg", 20, 10}, {7, "b \"é\".jpg", 0, 0}}, d.Images)
	require.Equal(t, []Category{{0, "zero"}, {3, "three"}}, d.Categories)
	require.Equal(t, []Annotation{
		{ID: 5, Image: 1, Class: 2, Box: [4]float64{1, 2, 3.5, 4}, Area: 9, Crowd: true},
		{ID: 6, Image: 0, Class: 1, Box: [4]float64{-1, 2, 0, 4}},
		{ID: 0, Image: 1, Class: 1, Box: [4]float64{1, 2, 3, 4}, Area: 12, Ignore: true}}, d.Annotations)
	require.Equal(t, []int32{1}, d.Objects(0))
	require.Equal(t, []int32{0, 2}, d.Objects(1))
	require.Equal(t, 1, d.EmptyBoxes())
	require.Equal(t, []string{"zero", "three"}, d.ClassNames())
}

func TestReadCOCOErrors(t *testing.T) {
	const images, categories = `"images": [{"id": 1}]`, `"categories": [{"id": 1, "name": "c"}]`
	with := func(annotation string) string {
		return `{` + images + `, ` + categories + `, "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}, ` + annotation + `]}`
	}
	cases := map[string]struct{ text, want string }{
		"empty file":        {``, "byte 0: the file ends where an object"},
		"not an object":     {`[]`, "byte 0: '[' where an object"},
		"truncated":         {`{"images": [{"id": 1}, {"id"`, "images[1]: byte 28: the file ends"},
		"no list":           {`{"images": 3}`, "byte 11: '3' where a list"},
		"missing list":      {`{` + images + `}`, "categories: the list is missing"},
		"two lists":         {`{` + images + `, ` + images + `}`, "images: the list occurs twice"},
		"behind the end":    {with(`{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}`) + `x`, "where the end of the file"},
		"no id":             {with(`{"image_id": 1}`), "annotations[1].id: missing"},
		"no box":            {with(`{"id": 2, "image_id": 1, "category_id": 1}`), "annotations[1].bbox: missing"},
		"three numbers":     {with(`{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}`), "annotations[1].bbox: a list of 3 numbers, want 4"},
		"five numbers":      {with(`{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4, 5]}`), "annotations[1].bbox: a list of 5 numbers, want 4"},
		"NaN":               {with(`{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, NaN, 3, 4]}`), "annotations[1].bbox: [1]: NaN is not a finite number"},
		"overflow":          {with(`{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 1e999, 4]}`), "annotations[1].bbox: [2]: +Inf is not a finite number"},
		"string box":        {with(`{"id": 2, "image_id": 1, "category_id": 1, "bbox": "1 2 3 4"}`), "annotations[1].bbox: byte"},
		"unknown image":     {with(`{"id": 2, "image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}`), "annotations[1].image_id: no image has the id 9"},
		"unknown category":  {with(`{"id": 2, "image_id": 1, "category_id": 9, "bbox": [1, 2, 3, 4]}`), "annotations[1].category_id: no category has the id 9"},
		"duplicate id":      {with(`{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}`), "annotations[1].id: 1 is the id of annotations[0] already"},
		"fraction":          {with(`{"id": 1.5}`), "annotations[1].id: 1.5 is not a whole number"},
		"crowd":             {with(`{"id": 2, "iscrowd": 2}`), "annotations[1].iscrowd: 2, want 0 or 1"},
		"duplicate image":   {`{"images": [{"id": 1}, {"id": 1}], "annotations": [], "categories": []}`, "images[1].id: 1 is the id of images[0] already"},
		"negative side":     {`{"images": [{"id": 1, "width": -4}]}`, "images[0].width: -4 pixels"},
		"duplicate classes": {`{"images": [], "annotations": [], "categories": [{"id": 1}, {"id": 1}]}`, "categories: the id 1 occurs twice"},
		"same names":        {`{"images": [{"id": 1}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}, {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}`, `ids 1 and 2 have the same name "a"`},
		"too deep":          {`{"info": ` + strings.Repeat("[", 1000), "nested more than 256 deep"},
		"bad literal":       {`{"info": nul}`, "'n' where a value"},
		"bad number":        {`{"info": 0x10}`, "byte 10: 'x' where a comma"},
		"leading zero":      {`{"info": 012.5}`, "leading zero"},
		"newline in string": {"{\"info\": \"a\nb\"}", "control character"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "gt.json"), c.text)
			_, err := ReadCOCO(path, "")
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, path)
		})
	}
	_, err := ReadCOCO(filepath.Join(t.TempDir(), "none.json"), "")
	require.ErrorContains(t, err, "none.json")
}

// Where faults are reported, what is faulty is left out and the rest is there.
func TestReportCOCO(t *testing.T) {
	var faults []error
	d, err := Open(writeFile(t, filepath.Join(t.TempDir(), "gt.json"), `{"images": [{"id": 1}, {"id": 2}, {"id": 1}, {"file_name": "x"}],
		"categories": [{"id": 4, "name": "a"}, {"id": 4, "name": "b"}, {"id": 5, "name": "a"}],
		"annotations": [{"id": 1, "image_id": 2, "category_id": 4, "bbox": [1, 2, 3, 4]}, {"id": 1, "image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4]},
		{"id": 2, "image_id": 3, "category_id": 4, "bbox": [1, 2, 3, 4]}, {"id": 3, "image_id": 1, "category_id": 6, "bbox": [1, 2, 3, 4]},
		{"id": 4, "image_id": 1, "category_id": 4}, {"id": 5, "image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]}]}`),
		Options{Report: func(err error) { faults = append(faults, err) }})
	require.NoError(t, err)
	require.Len(t, d.Images, 2)
	require.Equal(t, []Category{{4, "a"}, {5, "a"}}, d.Categories)
	require.Equal(t, []Annotation{{ID: 1, Image: 1, Class: 1, Box: [4]float64{1, 2, 3, 4}, Area: 12}, {ID: 5, Image: 0, Class: 2, Box: [4]float64{1, 2, 3, 4}, Area: 12}},
		d.Annotations)
	require.Len(t, faults, 8)
	duplicates := 0
	for _, err := range faults {
		require.ErrorContains(t, err, "gt.json: ")
		if errors.Is(err, ErrDuplicateID) {
			duplicates++
		}
	}
	require.Equal(t, 3, duplicates)
}

// A value of another kind is one fault of its entry, and reading goes on behind it; places are those of the file.
func TestReportValues(t *testing.T) {
	for name, c := range map[string]struct {
		images, annotations string // behind or instead of a good entry
		want                []string
		left                int // annotations
	}{
		"null in a box":       {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, null]}, {}`, []string{"annotations[1].bbox: [3]: byte", "annotations[2].id: missing"}, 1},
		"a string in a box":   {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": ["1", {"x": [2]}, [3], true]}`, []string{`annotations[1].bbox: [0]: byte 221: a string where a number was expected: "1"`}, 1},
		"null for a box":      {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": null}`, []string{"annotations[1].bbox: byte 220: null where a list of numbers was expected"}, 1},
		"an object for a box": {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": {"x": 1}}`, []string{"annotations[1].bbox: byte"}, 1},
		"no numbers":          {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": []}`, []string{"annotations[1].bbox: a list of 0 numbers, want 4"}, 1},
		"NaN":                 {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": [NaN, Infinity, 1, 2]}`, []string{"annotations[1].bbox: [0]: NaN is not"}, 1},
		"two fields":          {"", `{"id": 2, "image_id": "1", "category_id": 1, "bbox": [1, 2, 3, 4], "area": "x"}`, []string{"annotations[1].image_id: byte", "annotations[1].area: byte"}, 1},
		"behind it":           {"", `null, 5, [], {"id": 9, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]}`, []string{"annotations[1]: byte", "annotations[2]: byte", "annotations[3]: byte", "annotations[4].image_id: no image has the id 7"}, 1},
		"crowd":               {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": "yes"}`, []string{"annotations[1].iscrowd: byte"}, 1},
		"nulls that are none": {"", `{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": null, "iscrowd": null, "segmentation": null, "ignore": null}`, nil, 2},
		"a file name":         {`{"id": 2, "file_name": 5}, {"id": 3, "file_name": "c", "width": true}`, `{"id": 2, "image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4]}, {"id": 3, "image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4]}`, []string{"images[1].file_name: byte", "images[2].width: byte"}, 2},
		"an id":               {`{"id": null, "file_name": "b"}, {"id": 1, "file_name": "c"}`, `{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}`, []string{"images[1].id: byte", "images[2].id: 1 is the id of images[0] already", "annotations[1].id: 1 is the id of annotations[0] already"}, 1},
		"nulls of an image":   {`{"id": 2, "file_name": null, "width": null, "height": null, "license": null, "coco_url": null}`, "", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"categories": [{"id": 1, "name": null}], "images": [{"id": 1, "file_name": "a.jpg"}` + strings.TrimSuffix(", "+c.images, ", ") +
				`], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}` + strings.TrimSuffix(", "+c.annotations, ", ") + `]}`
			var faults []string
			d, err := readInstances(strings.NewReader(text), 0, Options{Report: func(err error) { faults = append(faults, err.Error()) }})
			require.NoError(t, err)
			require.Len(t, faults, len(c.want), "%q", faults)
			for i, want := range c.want {
				require.Contains(t, faults[i], want)
			}
			require.Len(t, d.Annotations, c.left)
			_, err = readInstances(strings.NewReader(text), 0, Options{})
			require.Equal(t, len(c.want) > 0, err != nil, "%v", err)
		})
	}
}

// A list of another kind is one fault, not one for each entry that refers to it.
func TestReportLists(t *testing.T) {
	var faults []string
	tell := func(err error) { faults = append(faults, err.Error()) }
	d, err := readInstances(strings.NewReader(`{"images": {"1": 2}, "categories": [{"id": 1}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}`), 0, Options{Report: tell})
	require.NoError(t, err)
	require.Equal(t, []string{"images: byte 11: '{' where a list was expected"}, faults)
	require.Empty(t, d.Annotations)
}

func TestByteOrderMark(t *testing.T) {
	want, err := readInstances(strings.NewReader(tinyInstances), 0, Options{})
	require.NoError(t, err)
	d, err := readInstances(strings.NewReader("\ufeff"+strings.ReplaceAll(tinyInstances, "\n", "\r\n")), 0, Options{})
	require.NoError(t, err)
	require.Equal(t, want, d)
	_, err = readInstances(strings.NewReader("\xff\xfe{\x00}\x00"), 0, Options{})
	require.EqualError(t, err, "byte 0: this is UTF-16: save the file as UTF-8")
}

func TestUnsized(t *testing.T) {
	var told []string
	tell := func(err error) { told = append(told, err.Error()) }
	_, err := readInstances(strings.NewReader(`{"images": [{"id": 1, "width": 0, "height": 5}, {"id": 2}, {"id": 3, "width": 5, "height": null}], "annotations": [], "categories": []}`), 0, Options{Unsized: tell})
	require.NoError(t, err)
	require.Len(t, told, 2)
	require.Contains(t, told[0], `images[0]: "" has 0x5 pixels`)

	d := &Dataset{Path: "x", ImagesDir: t.TempDir(), Images: []Image{{1, "a.png", 0, 0}, {2, "b.png", 7, 8}, {3, "none.png", 0, 0}}}
	writeImage(t, filepath.Join(d.ImagesDir, "a.png"), 30, 20)
	filled, unread := d.FillSizes()
	require.Equal(t, 1, filled)
	require.Len(t, unread, 1)
	require.ErrorContains(t, unread[0], "images[2]")
	require.Equal(t, []Image{{1, "a.png", 30, 20}, {2, "b.png", 7, 8}, {3, "none.png", 0, 0}}, d.Images)
}

// Messages do not grow with what is wrong.
func TestLongValues(t *testing.T) {
	long := strings.Repeat("x", 1<<19)
	for _, text := range []string{
		`{"images": [{"id": "` + long + `"}]}`,
		`{"images": [{"id": 1` + strings.Repeat("0", 1<<19) + `}]}`,
		`{"images": [{"id": -` + long + `}]}`,
		`{"images": [{"file_name": "` + long + `\x"}]}`,
		`{"images": [{"id": 1}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}, {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}], "categories": [{"id": 1, "name": "` + long + `"}, {"id": 2, "name": "` + long + `"}]}`,
	} {
		_, err := readInstances(strings.NewReader(text), 0, Options{})
		require.Error(t, err)
		require.Less(t, len(err.Error()), 400)
	}
	d, err := readInstances(strings.NewReader(`{"images": [{"id": 1, "file_name": "`+long+`"}], "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}], "categories": [{"id": 1, "name": "`+long+`"}]}`), 0, Options{})
	require.NoError(t, err)
	require.Less(t, len(d.CheckImages().Error()), 400)
	require.Less(t, len(d.useClasses(strings.Split(strings.Repeat("a,", 99_999), ",")).Error()), 400)
	require.Less(t, len(d.NumberByName().Error()), 400)
}

// Fields that COCO does not define may hold anything.
func TestForeignFields(t *testing.T) {
	d, err := readInstances(strings.NewReader(`{"images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [
		{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "difficult": 1, "truncated": 2, "segmentation": [[1, 2, 3, 4, 5, 6]]},
		{"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "difficult": "no", "truncated": null, "segmentation": []},
		{"id": 3, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "difficult": 0, "truncated": {"x": 1}, "segmentation": {"counts": "abc", "size": [1, 2]}}]}`), 0, Options{})
	require.NoError(t, err)
	require.Equal(t, 2, d.Masks)
	require.True(t, d.Annotations[0].Difficult && d.Annotations[0].Truncated)
	for _, a := range d.Annotations[1:] {
		require.False(t, a.Difficult || a.Truncated)
	}
}

func TestImagesNextToInstances(t *testing.T) {
	cases := map[string]struct{ name, file, want string }{
		"in the folder images":          {"a.jpg", "images/a.jpg", "images"},
		"with the folder in the name":   {"images/a.jpg", "images/a.jpg", ""},
		"next to the file":              {"a.jpg", "a.jpg", ""},
		"nowhere, with a folder images": {"b.jpg", "images/a.jpg", "images"},
		"nowhere":                       {"b.jpg", "a.jpg", ""},
		"outside, with a folder images": {"../a.jpg", "images/a.jpg", "images"},
		"no name, with a folder images": {"", "images/a.jpg", "images"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, c.file)), 0o755))
			writeFile(t, filepath.Join(dir, c.file), "")
			path := writeFile(t, filepath.Join(dir, "gt.json"), `{"images": [{"id": 1, "file_name": "`+c.name+`"}], "categories": [{"id": 1, "name": "x"}], "annotations": []}`)
			d, err := ReadCOCO(path, "")
			require.NoError(t, err)
			require.Equal(t, filepath.Join(dir, c.want), d.ImagesDir)
		})
	}
}

func TestOpen(t *testing.T) {
	gt := writeFile(t, filepath.Join(t.TempDir(), "gt.json"), tinyInstances)
	d, err := Open(gt, Options{Classes: []string{"new", "three", "zero"}})
	require.NoError(t, err)
	require.Equal(t, []Category{{4, "new"}, {3, "three"}, {0, "zero"}}, d.Categories)
	require.Equal(t, 3, d.Annotations[2].Class)
	require.ErrorContains(t, d.CheckImages(), "images[0].file_name: no image at")

	cases := map[string]struct {
		path string
		opt  Options
		want string
	}{
		"missing":       {filepath.Join(t.TempDir(), "none"), Options{}, "none"},
		"no data set":   {t.TempDir(), Options{}, "not a data set"},
		"split of COCO": {gt, Options{Split: "train"}, "a split (train) must not be given"},
		"classes":       {gt, Options{Classes: []string{"zero"}}, `annotations[0].category_id: unknown class "three"`},
		"class twice":   {gt, Options{Classes: []string{"zero", "zero"}}, `class "zero" is listed twice`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Open(c.path, c.opt)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestWriteCOCO reads back what was written, also for data that came from Pascal VOC.
func TestWriteCOCO(t *testing.T) {
	d, err := readInstances(strings.NewReader(tinyInstances), 0, Options{})
	require.NoError(t, err)
	d.Annotations[1].Difficult, d.Annotations[2].Truncated = true, true
	path := filepath.Join(t.TempDir(), "out.json")
	require.NoError(t, WriteCOCO(path, d))
	back, err := ReadCOCO(path, "")
	require.NoError(t, err)
	require.Equal(t, d.Images, back.Images)
	require.Equal(t, d.Categories, back.Categories)
	require.Equal(t, d.Annotations, back.Annotations)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "temporary files are gone")
	require.Error(t, WriteCOCO(filepath.Join(path, "no folder.json"), d))
}

func TestSharedDataSets(t *testing.T) {
	cases := []struct {
		path                   []string
		opt                    Options
		images, classes        int
		objects, crowds, empty int
	}{
		{[]string{"bccd"}, Options{Split: "train"}, 205, 3, 2805, 0, 1},
		{[]string{"bccd"}, Options{Split: "val"}, 87, 3, 1138, 0, 1},
		{[]string{"cards", "instances_train.json"}, Options{}, 296, 6, 527, 0, 0},
		{[]string{"coco-sample", "annotations", "instances_val2017.json"}, Options{Images: "val2017"}, 50, 80, 382, 5, 0},
		{[]string{"coco-sample", "annotations", "instances_train2017.json"}, Options{Images: "train2017"}, 20, 80, 190, 4, 0},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.path, "/")+c.opt.Split, func(t *testing.T) {
			path := shared(t, append([]string{"data"}, c.path...)...)
			if c.opt.Images != "" {
				c.opt.Images = filepath.Join(filepath.Dir(path), "..", c.opt.Images)
			}
			d, err := Open(path, c.opt)
			require.NoError(t, err)
			crowds := 0
			for _, a := range d.Annotations {
				if a.Crowd {
					crowds++
				}
			}
			require.Len(t, d.Images, c.images)
			require.Len(t, d.Categories, c.classes)
			require.Len(t, d.Annotations, c.objects)
			require.Equal(t, c.crowds, crowds)
			require.Equal(t, c.empty, d.EmptyBoxes())
			require.NoError(t, d.CheckImages())
		})
	}
}
