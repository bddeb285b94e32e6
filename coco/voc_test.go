package coco

import (
	"fmt"
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
			_, _ = a.Objects[i].box()
		}
	})
}
