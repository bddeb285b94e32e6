package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
)

// image writes an image of one grey level; equal arguments give equal files.
func image(t testing.TB, path string, w, h int, grey byte) {
	t.Helper()
	m := imaging.New(w, h)
	for i := range m.Pix {
		m.Pix[i] = grey
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, m.Save(path))
}

// found runs a check and lists the kinds of what it found with their first words.
func found(t testing.TB, images, annotations string, change func(dir string)) (r *Report, errors, warnings map[string][]string) {
	t.Helper()
	dir := t.TempDir()
	for i := range 4 {
		image(t, filepath.Join(dir, fmt.Sprintf("%c.png", 'a'+i)), 60, 40, byte(i))
	}
	if change != nil {
		change(dir)
	}
	file := filepath.Join(dir, "gt.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"images": [`+images+`], "annotations": [`+annotations+`],
		"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}`), 0o644))
	c := New(Options{Keep: -1})
	d, err := coco.Open(file, coco.Options{Report: c.Fault})
	if err != nil {
		c.Fault(err)
	} else {
		require.NoError(t, c.Check(t.Context(), "", d))
	}
	r = c.Report()
	byKind := func(kinds []coco.RemarkKind) map[string][]string {
		all := map[string][]string{}
		for _, k := range kinds {
			require.Len(t, k.First, k.Count)
			all[k.Kind] = k.First
		}
		return all
	}
	return r, byKind(r.Errors), byKind(r.Warnings)
}

const (
	good  = `{"id": 1, "file_name": "a.png", "width": 60, "height": 40}`
	boxes = `{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20]}, {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 0, 60, 40]}`
)

func imageJSON(id int, name string) string {
	return fmt.Sprintf(`, {"id": %d, "file_name": %q, "width": 60, "height": 40}`, id, name)
}

func box(id int, values string) string {
	return fmt.Sprintf(`, {"id": %d, "image_id": 1, "category_id": 1, "bbox": [%s]}`, id, values)
}

func TestCheck(t *testing.T) {
	exif, err := os.ReadFile("../../imaging/testdata/orientation6.jpg")
	require.NoError(t, err)
	upright, err := imaging.Decode(exif, imaging.Limits{})
	require.NoError(t, err)
	write := func(name string, data []byte) func(dir string) {
		return func(dir string) { require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644)) }
	}
	for name, c := range map[string]struct {
		images, boxes string
		change        func(dir string)
		kind, want    string // want is in the words of the kind's first
		warning       bool
	}{
		"nothing":         {images: good, boxes: boxes},
		"a background":    {images: good + imageJSON(2, "b.png"), boxes: boxes},
		"a crowd":         {images: good, boxes: boxes + `, {"id": 3, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20], "iscrowd": 1}`},
		"size unknown":    {images: good + `, {"id": 2, "file_name": "b.png"}`, boxes: boxes},
		"no images":       {kind: "unreadable entry", want: "gt.json: no images"},
		"missing":         {images: good + imageJSON(2, "none.png"), boxes: boxes, kind: "missing image", want: "images[1].file_name: no image at "},
		"corrupt":         {images: good + imageJSON(2, "b.png"), boxes: boxes, change: func(dir string) { require.NoError(t, os.Truncate(filepath.Join(dir, "b.png"), 70)) }, kind: "corrupt image", want: "b.png: PNG: corrupt image: cut off"},
		"empty file":      {images: good + imageJSON(2, "b.png"), boxes: boxes, change: write("b.png", nil), kind: "corrupt image", want: "no data"},
		"unknown format":  {images: good + imageJSON(2, "b.png"), boxes: boxes, change: write("b.png", []byte("hello")), kind: "image of an unknown format", want: "images[1]: "},
		"too large":       {images: good + imageJSON(2, "b.png"), boxes: boxes, change: func(dir string) { image(t, filepath.Join(dir, "b.png"), 17000, 1, 0) }, kind: "image too large", want: "17000x1"},
		"a folder":        {images: good + imageJSON(2, "sub"), boxes: boxes, change: func(dir string) { require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755)) }, kind: "unreadable entry", want: "sub: not a regular file"},
		"a named pipe":    {images: good + imageJSON(2, "pipe"), boxes: boxes, change: func(dir string) { require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600)) }, kind: "unreadable entry", want: "pipe: not a regular file"},
		"another size":    {images: good + `, {"id": 2, "file_name": "b.png", "width": 40, "height": 60}`, boxes: boxes, kind: "size differs from the annotation", want: "b.png has 60x40 pixels, its annotation says 40x60"},
		"EXIF":            {images: good + fmt.Sprintf(`, {"id": 2, "file_name": "x.jpg", "width": %d, "height": %d}`, upright.H, upright.W), boxes: boxes, change: write("x.jpg", exif), kind: "image turned by EXIF, its annotation is not", want: "when upright, its annotation says"},
		"EXIF, right":     {images: good + fmt.Sprintf(`, {"id": 2, "file_name": "x.jpg", "width": %d, "height": %d}`, upright.W, upright.H), boxes: boxes, change: write("x.jpg", exif)},
		"duplicate id":    {images: good + imageJSON(1, "b.png"), boxes: boxes, kind: "duplicate id", want: "images[1].id: 1 is the id of images[0] already"},
		"unknown image":   {images: good, boxes: boxes + `, {"id": 3, "image_id": 9, "category_id": 1, "bbox": [1, 2, 30, 20]}`, kind: "unreadable entry", want: "annotations[2].image_id: no image has the id 9"},
		"broken file":     {images: good, boxes: boxes + `, {"id": 3, "bbox": [NaN, 0, 1, 1]}`, kind: "unreadable entry", want: "annotations[2].bbox: [0]: NaN"},
		"listed twice":    {images: good + imageJSON(2, "./a.png"), boxes: boxes, kind: "image listed twice", want: "a.png is listed there already", warning: true},
		"identical":       {images: good + imageJSON(2, "z.png"), boxes: boxes, change: func(dir string) { image(t, filepath.Join(dir, "z.png"), 60, 40, 0) }, kind: "identical images", want: "z.png is the same image as a.png there", warning: true},
		"no area":         {images: good, boxes: boxes + box(3, "5, 5, 0, 3"), kind: "zero-area box", want: "a.png: annotations[2].bbox: [5 5 0 3]", warning: true},
		"negative side":   {images: good, boxes: boxes + box(3, "5, 5, -1, 3"), kind: "zero-area box", want: "[5 5 -1 3]", warning: true},
		"outside":         {images: good, boxes: boxes + box(3, "60, 5, 3, 3"), kind: "box outside the image", want: "[60 5 3 3] in 60x40 pixels", warning: true},
		"left of it":      {images: good, boxes: boxes + box(3, "-3, 5, 3, 3"), kind: "box outside the image", want: "[-3 5 3 3]", warning: true},
		"reaches out":     {images: good, boxes: boxes + box(3, "50, 5, 11.5, 3"), kind: "box reaches out of the image by more than a pixel", want: "[50 5 11.5 3]", warning: true},
		"by rounding":     {images: good, boxes: boxes + box(3, "-0.4, -0.4, 61, 41")},
		"twice":           {images: good, boxes: boxes + box(3, "1, 2, 30, 20"), kind: "duplicate box", want: "annotations[2].bbox: [1 2 30 20] is annotations[0] already", warning: true},
		"unused category": {images: good, boxes: strings.Split(boxes, ", {")[0], kind: "class without objects", want: "dog", warning: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, errors, warnings := found(t, c.images, c.boxes, c.change)
			other, all := warnings, errors
			if c.warning {
				other, all = errors, warnings
				require.Zero(t, r.ErrorCount())
			}
			if c.kind == "" {
				require.Empty(t, errors)
				require.Empty(t, warnings)
				return
			}
			require.Len(t, all, 1, "%v", all)
			require.Len(t, all[c.kind], 1, "%v", all)
			require.Contains(t, all[c.kind][0], c.want)
			if len(r.Parts) > 0 && name != "no images" {
				require.Empty(t, other)
			}
		})
	}
	_, _, warnings := found(t, good, box(3, "5, 5, 0, 3")[1:], nil)
	require.Contains(t, warnings, "no box to train on")
}

// Parts are checked against each other and share the table of classes.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	image(t, filepath.Join(dir, "a.png"), 60, 40, 1)
	image(t, filepath.Join(dir, "b.png"), 60, 40, 1)
	part := func(name, image, categories string) *coco.Dataset {
		file := filepath.Join(dir, name+".json")
		require.NoError(t, os.WriteFile(file, []byte(`{"images": [{"id": 1, "file_name": "`+image+`"}], "categories": [`+categories+`],
			"annotations": [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [0, 0, 30, 20]}]}`), 0o644))
		d, err := coco.Open(file, coco.Options{})
		require.NoError(t, err)
		return d
	}
	c := New(Options{Keep: 1})
	train := part("train", "a.png", `{"id": 5, "name": "cat"}`)
	require.NoError(t, c.Check(t.Context(), "train", train))
	require.NoError(t, c.Check(t.Context(), "val", part("val", "b.png", `{"id": 5, "name": "dog"}, {"id": 6, "name": "cat"}`)))
	r := c.Report()
	require.Zero(t, r.ErrorCount())
	require.Equal(t, []coco.RemarkKind{{Kind: "image in two splits", Count: 1, First: []string{filepath.Join(dir, "val.json") + ": images[0]: b.png is the same image as a.png in train"}}}, r.Warnings)
	require.Equal(t, []Class{{Name: "cat", Objects: 1, Images: 1, Parts: map[string]int{"train": 1}}, {Name: "dog", Objects: 1, Images: 1, Parts: map[string]int{"val": 1}}}, r.Classes)
	require.Equal(t, 2, r.Sides.Boxes)
	require.Equal(t, []int{2, 0, 0}, []int{r.Sides.Small, r.Sides.Medium, r.Sides.Large})
	require.InDelta(t, 24.49, r.Sides.Image[3], 0.01)
	require.InDelta(t, 24.49*15, r.Sides.Network[3], 0.1, "60x40 becomes 900x600")

	var text bytes.Buffer
	require.NoError(t, r.Print(&text))
	require.Contains(t, text.String(), "train.json train: 1 image (0 without boxes), 1 box (0 crowds)\n")
	require.Regexp(t, `cat +1 +50\.0 % +1 +1 +0`, text.String())
	plots := filepath.Join(dir, "plots")
	require.NoError(t, r.Plot(plots))
	for _, name := range []string{"sizes.png", "classes.png"} {
		_, err := imaging.Load(filepath.Join(plots, name), imaging.Limits{})
		require.NoError(t, err)
	}
	_, err := json.Marshal(r)
	require.NoError(t, err)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Check(ended, "", train), context.Canceled)
}

// The smallest reports can be printed, plotted and encoded.
func TestEmptyReport(t *testing.T) {
	r := New(Options{}).Report()
	require.NoError(t, r.Print(&bytes.Buffer{}))
	require.NoError(t, r.Plot(t.TempDir()))
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.NotContains(t, string(text), "NaN")
	one, _, _ := found(t, good, `{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 1e-9, 1e-9]}`, nil)
	require.NoError(t, one.Plot(t.TempDir()))
}
