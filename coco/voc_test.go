package coco

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"
)

func vocObjectXML(name, xmin, ymin, xmax, ymax string) string {
	return fmt.Sprintf("<object><name>%s</name><difficult>1</difficult><bndbox><xmin>%s</xmin><ymin>%s</ymin><xmax>%s</xmax><ymax>%s</ymax></bndbox></object>",
		name, xmin, ymin, xmax, ymax)
}

// vocFolder writes a data set of the images a (given objects) and b (none).
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
	ignore := strings.Replace(vocObjectXML("cat ", "0", "0", "4", "6"), "<difficult>", "<ignore> 1 </ignore><difficult>", 1)
	d, err := Open(vocFolder(t, object, crowd, ignore, vocObjectXML("\n\t\tcat\n\t", "0", "0", "4", "7")), Options{Split: "train"})
	require.NoError(t, err)
	require.Equal(t, []Annotation{
		{ID: 1, Image: 1, Class: 1, Box: [4]float64{473.07, 395.93, 38.65, 28.67}, Area: 1108.0955000000001, Difficult: true, Truncated: true},
		{ID: 2, Image: 1, Class: 1, Box: [4]float64{0, 0, 4, 5}, Area: 20, Crowd: true},
		{ID: 3, Image: 1, Class: 2, Box: [4]float64{0, 0, 4, 6}, Area: 24, Ignore: true},
		{ID: 4, Image: 1, Class: 1, Box: [4]float64{0, 0, 4, 7}, Area: 28, Difficult: true}}, d.Annotations)
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
		"no split":      {good, Options{}, `no split given, want one of ["train"]`},
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

// Names with blanks, and the flags of a class's list.
func TestVOCLists(t *testing.T) {
	for name, c := range map[string]struct {
		files, list string
		want        []string
	}{
		"blanks":                   {"my photo 1,my photo 2", "my photo 1\nmy photo 2\n", []string{"my photo 1", "my photo 2"}},
		"a flag":                   {"my photo,x", "my photo -1\nx  1\n", []string{"my photo", "x"}},
		"a name like one and flag": {"photo,photo 1", "photo 1\nphoto\n", []string{"photo 1", "photo"}},
		"a name of two, flagged":   {"photo 1,photo 2", "photo 1 1\nphoto 2 -1\n", []string{"photo 1", "photo 2"}},
		"a tab":                    {"x", "x\t0", []string{"x"}},
		"byte order mark":          {"a,b", "\ufeffa\r\nb\r\n", []string{"a", "b"}},
		"UTF-16":                   {"a,b", "\xff\xfea\x00\r\x00\n\x00b\x00", []string{"a", "b"}},
		"a number":                 {"1,2 1", "1\n2 1\n", []string{"1", "2 1"}},
		"no annotation":            {"x", "my photo\nother 1\n", []string{"my photo", "other"}},
		"subfolders":               {"sub/a,sub/b c", "sub/a 1\nsub/b c\n", []string{"sub/a", "sub/b c"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "JPEGImages"), 0o755))
			for _, file := range strings.Split(c.files, ",") {
				writeFile(t, filepath.Join(dir, "Annotations", file+".xml"), "<annotation/>")
			}
			writeFile(t, filepath.Join(dir, "ImageSets", "Main", "train.TXT"), c.list)
			files, err := findVOCFiles(dir)
			require.NoError(t, err)
			names, err := files.split("train")
			require.NoError(t, err)
			require.Equal(t, c.want, names)
		})
	}
}

// Files of the same stem, of other programs, in upper case, by links.
func TestVOCFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files []string // in JPEGImages
		xml   string   // its file name
		want  string
	}{
		"text beside it":    {[]string{"a.jpg", "a.txt", "a.json", "a.xml", "a.zip"}, "", "a.jpg"},
		"upper case":        {[]string{"a.JPG", "a.txt"}, "a.jpg", "a.JPG"},
		"two images":        {[]string{"a.bmp", "a.png", "a.jpg"}, "", "a.jpg"},
		"two, one is named": {[]string{"a.jpg", "a.png"}, "a.png", "a.png"},
		"another is named":  {[]string{"a.jpg", "b.jpg"}, "b.jpg", "a.jpg"},
		"another ending":    {[]string{"a.jfif", "a.txt"}, "a.jfif", "a.jfif"},
		"text only":         {[]string{"a.txt"}, "", "a.jpg"},
		"hidden":            {[]string{"._a.jpg", "a.png"}, "", "a.png"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, file := range c.files {
				writeFile(t, filepath.Join(dir, "images", file), "x")
			}
			require.NoError(t, os.Symlink("images", filepath.Join(dir, "JPEGImages")))
			writeFile(t, filepath.Join(dir, "Annotations", "a.XML"), "<annotation><filename> "+c.xml+" </filename></annotation>")
			writeFile(t, filepath.Join(dir, "Annotations", "._a.xml"), "of a Mac")
			writeFile(t, filepath.Join(dir, "Annotations", "a.json"), "{}")
			var unsized []error
			d, err := Open(dir, Options{Classes: []string{"cat"}, Unsized: func(err error) { unsized = append(unsized, err) }})
			require.NoError(t, err)
			require.Equal(t, []Image{{1, c.want, 0, 0}}, d.Images)
			require.Len(t, unsized, 1)
			require.ErrorContains(t, unsized[0], "a.XML: size: 0x0 pixels")
		})
	}
}

// The encodings that Python's reader knows, and what is declared elsewhere.
func TestVOCEncodings(t *testing.T) {
	body := "<annotation><object><name>M\u00e4use</name></object></annotation>"
	utf16 := func(e unicode.Endianness, bom unicode.BOMPolicy, text string) string {
		out, err := unicode.UTF16(e, bom).NewEncoder().String(text)
		require.NoError(t, err)
		return out
	}
	latin := strings.ReplaceAll(body, "\u00e4", "\xe4")
	declared := func(encoding, body string) string {
		return `<?xml version="1.0" encoding="` + encoding + `"?>` + "\r\n" + body
	}
	for name, text := range map[string]string{
		"none":                 body,
		"byte order mark":      "\ufeff" + declared("UTF-8", body),
		"utf8":                 declared("utf8", body),
		"ascii":                declared("ascii", strings.ReplaceAll(body, "\u00e4", "&#228;")),
		"us-ascii":             declared("US-ASCII", strings.ReplaceAll(body, "\u00e4", "&#xe4;")),
		"latin1":               declared("latin1", latin),
		"iso-8859-1":           declared("ISO-8859-1", latin),
		"iso-8859-15":          declared("iso-8859-15", latin),
		"windows-1252":         declared("Windows-1252", latin),
		"cp1252":               declared("cp1252", latin),
		"utf-16":               utf16(unicode.LittleEndian, unicode.UseBOM, declared("utf-16", body)),
		"utf-16 BE":            utf16(unicode.BigEndian, unicode.UseBOM, declared("UTF-16", body)),
		"utf-16, no mark":      utf16(unicode.LittleEndian, unicode.IgnoreBOM, declared("utf-16le", body)),
		"utf-16 BE, no mark":   utf16(unicode.BigEndian, unicode.IgnoreBOM, declared("utf-16be", body)),
		"utf-16, not so":       declared("utf-16", body), // .NET declares what its strings are
		"cp850":                declared("cp850", strings.ReplaceAll(body, "\u00e4", "\x84")),
		"GBK of other letters": declared("GBK", strings.ReplaceAll(body, "\u00e4", "&#228;")+"<!-- \xd6\xd0 -->"),
	} {
		a, err := decodeVOC(strings.NewReader(text))
		require.NoError(t, err, name)
		require.Equal(t, "M\u00e4use", a.Objects[0].Name, name)
	}
	a, err := decodeVOC(strings.NewReader(declared("GBK", "<annotation><object><name>\xd6\xd0\xce\xc4</name></object></annotation>")))
	require.NoError(t, err)
	require.Equal(t, "\u4e2d\u6587", a.Objects[0].Name)
}

func TestVOCWords(t *testing.T) {
	for text, want := range map[string]string{
		`<?xml version="1.0" encoding="klingon"?><annotation/>`:     `the encoding "klingon" is not read: save the file as UTF-8`,
		`<?xml version="1.0" encoding="iso-2022-kr"?><annotation/>`: `the encoding "iso-2022-kr" is not read`,
		"<annotation>\xd6</annotation>":                             "byte 13, line 1: this is not UTF-8: name the encoding in the first line, or save",
		"":                                                          "byte 0: no annotation in the file",
		"hello":                                                     "byte 0: no annotation in the file",
		"<annotation><object>":                                      "line 1: the file ends inside an element",
		"<html></html>":                                             `the root element is "html", want "annotation"`,
		"<annotation>\n<a></b>":                                     "line 2: element <a> closed by </b>",
		strings.Repeat("<a>", 20_000):                               "byte",
		"<" + strings.Repeat("a", 1<<20):                            "byte",
	} {
		_, err := decodeVOC(strings.NewReader(text))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "Decoder")
		require.Less(t, len(err.Error()), 400)
	}
	for size, want := range map[string]string{
		"<width>x</width>": `size.width: "x" is not a number of pixels`, "<height>-1</height>": `size.height: "-1"`, "<width>NaN</width>": "size.width", "<height>1e99</height>": "size.height"} {
		dir := vocFolder(t, vocObjectXML("cat", "1", "2", "3", "4"), vocObjectXML("", "x", "2", "3", "4"))
		writeFile(t, filepath.Join(dir, "Annotations", "b.xml"), "<annotation><size>"+size+"</size>"+vocObjectXML("cat", "1", "2", "3", "4")+"</annotation>")
		var faults []string
		d, err := Open(dir, Options{Split: "train", Report: func(err error) { faults = append(faults, err.Error()) }})
		require.NoError(t, err)
		require.Len(t, d.Annotations, 2)
		require.Len(t, faults, 3, "a size, a name and a box: %q", faults)
		require.Contains(t, faults[0], want)
	}
}

func FuzzVOC(f *testing.F) {
	f.Add("<annotation>" + vocObjectXML("cat", "1", "2", "3", "4") + "</annotation>")
	f.Add("<annotation><size><width>1e99</width></size></annotation>")
	f.Add("<annotation><object>")
	f.Add("\xff\xfe<\x00a\x00/\x00>\x00")
	f.Add(`<?xml version="1.0" encoding="GBK"?><annotation><size><width>\xd6\xd0</width></size></annotation>`)
	f.Add(`<?xml version="1.0" encoding="big5"?><annotation><filename>../x</filename></annotation>`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := decodeVOC(strings.NewReader(text))
		if err != nil {
			require.Less(t, len(err.Error()), 1000)
			return
		}
		if w, h, err := a.size(); err == nil {
			require.True(t, w >= 0 && h >= 0)
		}
		for i := range a.Objects {
			_, _ = a.Objects[i].box(i%2 == 0)
		}
	})
}

// FuzzVOCList reads the list of a split: what is accepted are names within the folder, each once.
func FuzzVOCList(f *testing.F) {
	f.Add("my photo 1\r\nx -1\n\n", "my photo 1")
	f.Add("\ufeffa 1 1", "a 1")
	f.Add("../x\n/etc/passwd", "")
	f.Fuzz(func(t *testing.T, text, annotated string) {
		files := &vocFiles{dir: "none", annotations: map[string]string{annotated: "x.xml"}}
		names, err := files.parseList(string(decodeText([]byte(text))))
		if err != nil {
			require.Less(t, len(err.Error()), 1000)
			return
		}
		seen := map[string]bool{}
		for _, name := range names {
			require.True(t, filepath.IsLocal(name))
			require.False(t, seen[name])
			seen[name] = true
		}
	})
}
