package coco

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func vocObjectXML(name, xmin, ymin, xmax, ymax string) string {
	return fmt.Sprintf("<object><name>%s</name><difficult>1</difficult><bndbox><xmin>%s</xmin><ymin>%s</ymin><xmax>%s</xmax><ymax>%s</ymax></bndbox></object>",
		name, xmin, ymin, xmax, ymax)
}

// vocFolder writes a data set of the pictures a (given objects) and b (none).
func vocFolder(t *testing.T, objects ...string) string {
	dir := t.TempDir()
	size := "<size><width>30</width><height>20</height><depth>3</depth></size>"
	writeFile(t, filepath.Join(dir, "Annotations", "a.xml"), "<annotation>"+size+strings.Join(objects, "")+"</annotation>")
	writeFile(t, filepath.Join(dir, "Annotations", "b.xml"), "<annotation>"+size+"</annotation>")
	writeFile(t, filepath.Join(dir, "JPEGImages", "a.png"), "")
	writeFile(t, filepath.Join(dir, "ImageSets", "Main", "train.txt"), "b -1\n\na 1\n")
	return dir
}

func TestReadVOC(t *testing.T) {
	dir := vocFolder(t, vocObjectXML("cat", "1", "2.5", "11", "7"), vocObjectXML("ant", " 4 ", "5", "4", "5"))
	d, err := Open(dir, Options{Split: "train"})
	require.NoError(t, err)
	require.Equal(t, []Image{{1, "b.jpg", 30, 20}, {2, "a.png", 30, 20}}, d.Images)
	require.Equal(t, []Category{{1, "ant"}, {2, "cat"}}, d.Categories)
	require.Equal(t, []Annotation{
		{ID: 1, Image: 1, Class: 2, Box: [4]float64{1, 2.5, 10, 4.5}, Area: 45, Difficult: true},
		{ID: 2, Image: 1, Class: 1, Box: [4]float64{4, 5, 0, 0}, Difficult: true}}, d.Annotations)
	require.Equal(t, 1, d.EmptyBoxes())
	require.ErrorContains(t, d.CheckImages(), "b.jpg")

	d, err = Open(dir, Options{Split: "train", Classes: []string{"cat", "dog", "ant"}})
	require.NoError(t, err)
	require.Equal(t, 1, d.Annotations[0].Class)
	require.Equal(t, 3, d.Annotations[1].Class)

	d, err = Open(dir, Options{Split: "train", Devkit: true})
	require.NoError(t, err)
	require.Equal(t, [4]float64{0, 1.5, 11, 5.5}, d.Annotations[0].Box)
	require.Equal(t, [4]float64{3, 4, 1, 1}, d.Annotations[1].Box)
}

func TestReadVOCFlags(t *testing.T) {
	object := strings.Replace(vocObjectXML("cat", "473.07", "395.93", "511.72", "424.6"), "<difficult>", "<truncated> 1 </truncated><difficult>", 1)
	crowd := strings.Replace(vocObjectXML("cat", "0", "0", "4", "5"), "<difficult>", "<iscrowd>1</iscrowd><difficult>", 1)
	d, err := Open(vocFolder(t, object, crowd), Options{Split: "train"})
	require.NoError(t, err)
	require.Equal(t, []Annotation{
		{ID: 1, Image: 1, Class: 1, Box: [4]float64{473.07, 395.93, 38.65, 28.67}, Area: 1108.0955000000001, Difficult: true, Truncated: true},
		{ID: 2, Image: 1, Class: 1, Box: [4]float64{0, 0, 4, 5}, Area: 20, Crowd: true}}, d.Annotations)
}

func TestVOCSplits(t *testing.T) {
	dir := vocFolder(t)
	for _, name := range []string{"val", "cat_train", "cat_val", "my_own"} {
		writeFile(t, filepath.Join(dir, "ImageSets", "Main", name+".txt"), "a\n")
	}
	splits, err := Splits(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"my_own", "train", "val"}, splits)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "ImageSets")))
	splits, err = Splits(dir)
	require.NoError(t, err)
	require.Empty(t, splits)
	d, err := Open(dir, Options{Classes: []string{"cat"}})
	require.NoError(t, err)
	require.Equal(t, []Image{{1, "a.png", 30, 20}, {2, "b.jpg", 30, 20}}, d.Images)
}

// Where faults are reported, what is faulty is left out and the rest is there.
func TestReportVOC(t *testing.T) {
	dir := vocFolder(t, vocObjectXML("cat", "1", "2", "3", "4"), vocObjectXML("cat", "5", "2", "3", "4"), vocObjectXML("", "1", "2", "3", "4"))
	writeFile(t, filepath.Join(dir, "Annotations", "c.xml"), "<annotation>")
	writeFile(t, filepath.Join(dir, "ImageSets", "Main", "train.txt"), "a\nb\nc\nd\n")
	var faults []string
	d, err := Open(dir, Options{Split: "train", Report: func(err error) { faults = append(faults, err.Error()) }})
	require.NoError(t, err)
	require.Len(t, d.Images, 2)
	require.Len(t, d.Annotations, 1)
	require.Len(t, faults, 4)
	for i, want := range []string{"xmax: 3 is left of xmin 5", "object[2].name: missing", "c.xml: byte", "d.xml"} {
		require.Contains(t, faults[i], want)
	}
}

func TestReadVOCErrors(t *testing.T) {
	good := vocObjectXML("cat", "1", "2", "3", "4")
	cases := map[string]struct {
		object string
		opt    Options
		want   string
	}{
		"no split":      {good, Options{}, `name a split, there are ["train"]`},
		"unknown split": {good, Options{Split: "test"}, "test.txt"},
		"class":         {good, Options{Split: "train", Classes: []string{"dog"}}, `a.xml: object[0].name: unknown class "cat"`},
		"NaN":           {good + vocObjectXML("cat", "1", "NaN", "3", "4"), Options{Split: "train"}, `a.xml: object[1].bndbox.ymin: "NaN" is not a finite number`},
		"empty":         {vocObjectXML("cat", "1", "2", "", "4"), Options{Split: "train"}, "object[0].bndbox.xmax: missing"},
		"word":          {vocObjectXML("cat", "1", "2", "x", "4"), Options{Split: "train"}, `xmax: "x" is not`},
		"inverted":      {vocObjectXML("cat", "1", "2", "0", "4"), Options{Split: "train"}, "xmax: 0 is left of xmin 1"},
		"upside down":   {vocObjectXML("cat", "1", "2", "3", "1"), Options{Split: "train"}, "ymax: 1 is above ymin 2"},
		"no box":        {"<object><name>cat</name></object>", Options{Split: "train"}, "missing"},
		"no name":       {"<object></object>", Options{Split: "train"}, "object[0].name: missing"},
		"broken":        {"<object>", Options{Split: "train"}, "a.xml: byte"},
		"images":        {good, Options{Split: "train", Images: "elsewhere"}, "elsewhere"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Open(vocFolder(t, c.object), c.opt)
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Run("missing annotation", func(t *testing.T) {
		dir := vocFolder(t)
		writeFile(t, filepath.Join(dir, "ImageSets", "Main", "train.txt"), "a\nc\n")
		_, err := Open(dir, Options{Split: "train"})
		require.ErrorContains(t, err, "c.xml")
	})
	t.Run("outside", func(t *testing.T) {
		dir := vocFolder(t)
		writeFile(t, filepath.Join(dir, "ImageSets", "Main", "train.txt"), "a\n../../etc/x\n")
		_, err := Open(dir, Options{Split: "train"})
		require.ErrorContains(t, err, "line 2")
	})
}

func FuzzVOC(f *testing.F) {
	f.Add("<annotation>" + vocObjectXML("cat", "1", "2", "3", "4") + "</annotation>")
	f.Add("<annotation><size><width>1e99</width></size></annotation>")
	f.Add("<annotation><object>")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := decodeVOC(strings.NewReader(text))
		if err != nil {
			return
		}
		for i := range a.Objects {
			_, _ = a.Objects[i].box(i%2 == 0)
		}
	})
}
