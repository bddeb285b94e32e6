package layout

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
)

// formats are all formats of folders.
func formats() map[string]func(w *Writer, ctx context.Context, dir string, parts []Part) error {
	all := tools()
	all["COCO"], all["Pascal VOC"], all["YOLO"] = (*Writer).COCOFolder, (*Writer).VOC, (*Writer).YOLO
	return all
}

// odd is a data set: names of images and classes, and objects, by default one of each class on each image.
type odd struct {
	images, classes []string
	objects         []oddObject
	refused         map[string]string // the error by format, "" for that of all others
}

// oddObject is an object of an image and a class, both from 0.
type oddObject struct {
	image, class                        int
	crowd, ignore, difficult, truncated bool
	box                                 [4]float64 // by default one that no other object of the image has
}

// open writes the data set as a COCO file and reads it. All images have different sizes.
func (o odd) open(t *testing.T) *coco.Dataset {
	dir := t.TempDir()
	if o.objects == nil {
		for i := range o.images {
			for c := range o.classes {
				o.objects = append(o.objects, oddObject{image: i, class: c})
			}
		}
	}
	type entry map[string]any
	images, categories, annotations := []entry{}, []entry{}, []entry{}
	for i, name := range o.images {
		size := 60 + i
		at := filepath.Join(dir, "images", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		require.NoError(t, imaging.New(size, size).Save(at))
		images = append(images, entry{"id": i + 1, "file_name": name, "width": size, "height": size})
	}
	for c, name := range o.classes {
		categories = append(categories, entry{"id": c + 1, "name": name})
	}
	for n, x := range o.objects {
		if x.box == [4]float64{} {
			x.box = [4]float64{float64(n % 50), float64(n / 50), 9, 9}
		}
		annotations = append(annotations, entry{"id": n + 1, "image_id": x.image + 1, "category_id": x.class + 1, "bbox": x.box,
			"iscrowd": flag(x.crowd), "ignore": flag(x.ignore), "difficult": flag(x.difficult), "truncated": flag(x.truncated)})
	}
	text, err := json.Marshal(entry{"images": images, "categories": categories, "annotations": annotations})
	require.NoError(t, err)
	d, err := coco.Open(writeFile(t, filepath.Join(dir, "gt.json"), string(text)), coco.Options{})
	require.NoError(t, err)
	return d
}

// everyFlag has an object of each combination of flags, and a class that has nothing but a crowd.
func everyFlag() (all []oddObject) {
	for n := range 16 {
		all = append(all, oddObject{crowd: n&1 > 0, ignore: n&2 > 0, difficult: n&4 > 0, truncated: n&8 > 0})
	}
	return append(all, oddObject{class: 1, crowd: true})
}

// TestNothingIsLostSilently takes what is odd through every format: what is not read back as it was must have been counted and named,
// and nothing else.
func TestNothingIsLostSilently(t *testing.T) {
	onePair := map[string]string{"Pascal VOC": "a.png and a.jpg, images[0], would share the annotation file a.xml", "YOLO": "would share the label file a.txt",
		"LabelMe": "would share the annotation file a.json", "Open Images": "would share the ImageID a"}
	const (
		blanks  = "Pascal VOC lists cannot hold names with leading or trailing blanks or line breaks"
		noBoxes = "gt.json: no boxes to write, and an Open Images data set has no images without"
		noXML   = "has a character which XML cannot hold"
		breaks  = "begins or ends with a line break, which readers of XML drop"
		noRow   = "has a line break, which a row of a CSV file cannot hold"
	)
	for name, o := range map[string]odd{
		"flags": {images: []string{"a.png"}, classes: []string{"cat", "crowd"}, objects: everyFlag()},
		"image names": {images: []string{"a b.jpg", "ü♥.jpg", `q"uo'te.jpg`, "semi;colon,comma.jpg", "<b>&amp;.jpg", "per%20cent.jpg", "ha#sh?.jpg", "-dash.jpg", `back\slash.jpg`, "a.b.png",
			"12345678-a.jpg", "C:.jpg", `x\y.png`, "tab\tx.jpg", "UPPER.JPG"}, classes: []string{"cat"}},
		"slash and backslash": {images: []string{`b\a.png`, "b/c.png", "c.png"}, classes: []string{"cat"}},
		"leading blank":       {images: []string{" lead.jpg", "lead.jpg"}, classes: []string{"cat"}, refused: map[string]string{"Pascal VOC": blanks}},
		"trailing blank":      {images: []string{"trail .jpg", "trail.jpg"}, classes: []string{"cat"}, refused: map[string]string{"Pascal VOC": blanks}},
		"line break":          {images: []string{"new\nline.jpg"}, classes: []string{"cat"}, refused: map[string]string{"Pascal VOC": blanks, "Open Images": noRow}},
		"control character":   {images: []string{"a\x01.jpg"}, classes: []string{"cat"}, refused: map[string]string{"CVAT": noXML}},
		"folders":             {images: []string{"x/a.jpg", "y/a.jpg", "b.jpg"}, classes: []string{"cat"}},
		"extensions":          {images: []string{"a.jpg", "a.png"}, classes: []string{"cat"}, refused: onePair},
		"name of a folder":    {images: []string{"x/a.jpg", "a.jpg", "x_a.jpg"}, classes: []string{"cat"}, refused: map[string]string{"": "x_a.jpg would be written as x_a.jpg, the name of images[0]"}},
		"class names": {images: []string{"a.png"}, classes: []string{"per son", `"`, "o'neil", "ü♥", "a,b", "<script>alert(1)</script>", "tab\tx", "yes", "null", "~", "1", " lead", "trail ", "  both\t", "lead",
			"a:b", "#hash", "-x", "a|b", "LabelName", "[a]", "{a}", "*a", "&a", "!a", "%a", "@a", "`a", "\u00a0no break"}},
		"class of a header":       {images: []string{"a.png"}, classes: []string{"LabelName", "Label"}},
		"class of a blank":        {images: []string{"a.png"}, classes: []string{"cat", " "}},
		"class of two lines":      {images: []string{"a.png"}, classes: []string{"new\nline"}, refused: map[string]string{"Open Images": noRow}},
		"class with a line break": {images: []string{"a.png"}, classes: []string{"line\n"}, refused: map[string]string{"Open Images": noRow, "Pascal VOC": breaks, "CVAT": breaks, "Label Studio": breaks}},
		"class of no text":        {images: []string{"a.png"}, classes: []string{"a\x01"}, refused: map[string]string{"Pascal VOC": noXML, "CVAT": noXML, "Label Studio": noXML}},
		"class without name":      {images: []string{"a.png"}, classes: []string{"cat", ""}},
		"class of an id": {images: []string{"a.png"}, classes: []string{"2", ""}, refused: map[string]string{"COCO": "",
			"": "categories: id 2 has no name, and its id is the name of id 1"}},
		"unused class":    {images: []string{"a.png", "b.png"}, classes: []string{"cat", "none"}, objects: []oddObject{{}, {image: 1}}},
		"image of no box": {images: []string{"a.png", "b.png"}, classes: []string{"cat"}, objects: []oddObject{{}}},
		"negative box":    {images: []string{"a.png"}, classes: []string{"cat", "dog"}, objects: []oddObject{{}, {class: 1, box: [4]float64{9, 9, -1, 5}}}},
		"no area":         {images: []string{"a.png"}, classes: []string{"cat"}, objects: []oddObject{{box: [4]float64{9, 9, 0, 0}}, {box: [4]float64{9, 9, 0, 5}}}},
		"no boxes":        {images: []string{"a.png"}, classes: []string{"cat"}, objects: []oddObject{}, refused: map[string]string{"Open Images": noBoxes}},
		"all left out": {images: []string{"a.png"}, classes: []string{"cat"}, objects: []oddObject{{box: [4]float64{9, 9, -1, 5}}},
			refused: map[string]string{"Open Images": noBoxes}},
		"no classes": {images: []string{"a.png"}, refused: map[string]string{"Open Images": noBoxes, "YOLO": "gt.json has no categories, and a YOLO data set has at least one class"}},
		"no images":  {classes: []string{"cat"}, refused: map[string]string{"COCO": "", "": "gt.json: images: none, there is nothing to write"}},
	} {
		for format, write := range formats() {
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel() // most of the time is spent on waiting for the disk
				d := o.open(t)
				dir := filepath.Join(t.TempDir(), "out")
				w := Writer{ImageFiles: Link, Remarks: coco.Remarks{Keep: -1}}
				err := write(&w, t.Context(), dir, []Part{{"train", d}})
				want, ok := o.refused[format]
				if !ok {
					want = o.refused[""]
				}
				if want != "" {
					require.ErrorContains(t, err, want)
					require.NoDirExists(t, dir)
					return
				}
				require.NoError(t, err)
				back, err := coco.Open(dir, coco.Options{Split: "train"})
				require.NoError(t, err)
				back.FillSizes() // of images without regions, in Label Studio
				require.NoError(t, back.CheckImages())
				require.Zero(t, back.Changes.Count())
				require.Equal(t, lost(t, d, back), told(t, &w))
			})
		}
	}
}

// The losses that lost and told count.
const (
	lostImages  = "images"
	lostObjects = "objects"
	lostClasses = "classes"
	newClasses  = "classes of another name"
)

// told returns what the remarks say is lost. Each names what it is about.
func told(t *testing.T, w *Writer) map[string]int {
	all := map[string]int{}
	for _, k := range w.Remarks.Kinds() {
		require.Len(t, k.First, k.Count)
		require.Contains(t, k.First[0], "gt.json: ")
		loss := ""
		switch k.Kind {
		case "image without boxes, not in the file":
			loss = lostImages
		case "crowd, left out", `object with "ignore", left out`, "box of a negative side, left out":
			loss = lostObjects
		case "class without objects, not kept":
			loss = lostClasses
		case "class without a name, its id taken":
			loss = newClasses
		default: // a flag
			name, ok := strings.CutSuffix(k.Kind, ", not kept")
			require.True(t, ok, k.Kind)
			loss = name
		}
		all[loss] += k.Count
	}
	return all
}

// lost counts what is not in a data set that was written and read back. Images are told apart by their sizes, objects by their boxes.
func lost(t *testing.T, d, back *coco.Dataset) map[string]int {
	all := map[string]int{}
	count := func(loss string, n int) {
		if n > 0 {
			all[loss] += n
		}
	}
	read := map[int]int{}
	for i, img := range back.Images {
		read[img.Width] = i
	}
	for i, img := range d.Images {
		j, ok := read[img.Width]
		if !ok {
			count(lostImages, 1)
			require.Empty(t, d.Objects(i))
			continue
		}
		require.Contains(t, []string{path.Base(img.FileName), strings.ReplaceAll(img.FileName, "/", "_")}, path.Base(back.Images[j].FileName))
		objects := map[[4]float64]coco.Annotation{}
		for _, at := range back.Objects(j) {
			objects[back.Annotations[at].Box] = back.Annotations[at]
		}
		for _, at := range d.Objects(i) {
			a := d.Annotations[at]
			b, ok := objects[a.Box]
			if !ok {
				count(lostObjects, 1)
				continue
			}
			delete(objects, a.Box)
			require.Equal(t, className(d.Categories[a.Class-1]), className(back.Categories[b.Class-1]))
			had, has := flags(a), flags(b)
			for name := range had {
				require.True(t, had[name] || !has[name], "%s of %v is new", name, a)
				if had[name] && !has[name] {
					count(fmt.Sprintf("flag %q", name), 1)
				}
			}
		}
		require.Empty(t, objects, "objects of %s that are new", img.FileName)
	}
	require.LessOrEqual(t, len(back.Images), len(d.Images))
	classes, classesBack := names(d), names(back)
	for name := range classes {
		if !classesBack[name] && name != "" {
			count(lostClasses, 1)
		}
	}
	maps.DeleteFunc(classesBack, func(name string, _ bool) bool { return classes[name] })
	count(newClasses, len(classesBack))
	return all
}

func flags(a coco.Annotation) map[string]bool {
	return map[string]bool{"iscrowd": a.Crowd, "ignore": a.Ignore, "difficult": a.Difficult, "truncated": a.Truncated}
}

func names(d *coco.Dataset) map[string]bool {
	all := map[string]bool{}
	for _, name := range d.ClassNames() {
		all[name] = true
	}
	return all
}
