package results

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
	"scalenet/track"
)

var update = flag.Bool("update", false, "write the golden files; testdata/read.py must accept them")

var classes = []string{"RBC", `left, "upper"`, "тромбоциты"}

// images are the empty, the tiny, the crowd, and names that formats have to quote.
func images() []Image {
	object := func(class int32, score, x1, y1, x2, y2 float32) Object {
		return Object{Class: class, Label: classes[class-1], Score: score, Box: geom.Box{X1: x1, Y1: y1, X2: x2, Y2: y2}}
	}
	crowd := Image{File: "photos/crowd.jpg", Out: "crowd.jpg", Width: 1000, Height: 700}
	for i := range 40 {
		x, y := float32(i%8)*120.3, float32(i/8)*130.7
		crowd.Objects = append(crowd.Objects, object(int32(i%3+1), 1-float32(i)/50, x, y, x+99.5, y+88.25))
	}
	return []Image{
		{File: "photos/a.jpg", Out: "a.jpg", Width: 640, Height: 480, Objects: []Object{
			object(1, 0.99, 0, 0, 640, 480), object(2, 0.75, 10.5, 20.25, 110.125, 220), object(3, 0.123456789, 639.5, 0.1, 640, 0.4)}},
		{File: `photos/b, (c) & d+50%.png`, Out: `b, (c) & d+50%.jpg`, Width: 33, Height: 77},
		{File: "photos/sub/tiny.png", Out: "sub/tiny.jpg", Width: 1, Height: 1, Objects: []Object{object(1, 1, 0, 0, 1, 1)}},
		crowd,
	}
}

// frames are those of a video, with tracks and counts.
func frames() []Image {
	list := images()
	var out []Image
	for i, m := range []Image{list[0], list[1]} {
		m.File, m.Out, m.Width, m.Height = "clip.mp4", "clip.jpg", 640, 480
		m.Frame = &Frame{Index: 25 * i, Time: time.Duration(i) * time.Second * 25 / 30, Counts: track.Counts{{Name: "gate", In: i}, {Name: "yard", Zone: true, Inside: 2, Seen: 3}}}
		m.Objects = append([]Object(nil), m.Objects...)
		for k := range m.Objects {
			m.Objects[k].Track = k
		}
		out = append(out, m)
	}
	return out
}

// written returns the output of a format: name -> content, the table under the name "".
func written(t *testing.T, f Format, o Options, list []Image) map[string]string {
	t.Helper()
	files, table := map[string]string{}, &bytes.Buffer{}
	o.Classes, o.To = classes, table
	o.Put = func(name string, data []byte) error {
		require.NotContains(t, files, name, "written twice")
		files[name] = string(data)
		return nil
	}
	w, err := New(f, o)
	require.NoError(t, err)
	for _, m := range list {
		require.NoError(t, w.Add(m))
	}
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "again")
	if !f.PerImage() {
		files[""] = table.String()
	}
	return files
}

// The golden files are those that testdata/read.py has read with other tools.
func TestGolden(t *testing.T) {
	for _, name := range Formats() {
		f, err := ParseFormat(name)
		require.NoError(t, err)
		for kind, list := range map[string][]Image{"images": images(), "frames": frames(), "nothing": nil} {
			if kind == "frames" && !f.TakesFrames() {
				continue
			}
			files := written(t, f, Options{}, list)
			dir := filepath.Join("testdata", "golden", kind, name)
			for file, content := range files {
				if file == "" {
					file = "table"
				}
				path := filepath.Join(dir, file)
				if *update {
					require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
					require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, string(want), content, path)
			}
			if kind == "images" && f.PerImage() {
				var outs, names []string
				for _, m := range list {
					outs = append(outs, m.Out)
				}
				for name := range files {
					names = append(names, name)
				}
				assert.ElementsMatch(t, f.Files(outs, false), names, "what Files says")
			}
		}
	}
}

// What is written is whole after each image, but for the bracket that Close writes.
func TestWholeAfterEachImage(t *testing.T) {
	for _, f := range []Format{JSONLines, CSV, COCO, LabelStudio} {
		all := written(t, f, Options{}, images())[""]
		for n := range images() {
			table := &bytes.Buffer{}
			w, err := New(f, Options{To: table, Classes: classes})
			require.NoError(t, err)
			for _, m := range images()[:n] {
				require.NoError(t, w.Add(m))
			}
			assert.True(t, strings.HasPrefix(all, table.String()), "%s, %d images", f, n)
			require.NoError(t, w.Close())
			assert.Equal(t, written(t, f, Options{}, images()[:n])[""], table.String())
		}
	}
}

// What continues the results of another writer makes one whole with them.
func TestContinues(t *testing.T) {
	for _, f := range []Format{Text, JSONLines, CSV, YOLO, VOC} {
		for n := range len(images()) + 1 { // a part without images, too
			parts := written(t, f, Options{}, images()[:n])
			for name, text := range written(t, f, Options{Continues: true}, images()[n:]) {
				require.True(t, name == "" || parts[name] == "", "%s is in both parts", name)
				parts[name] += text
			}
			require.Equal(t, written(t, f, Options{}, images()), parts, "%s, %d images", f, n)
		}
	}
	require.NotContains(t, YOLO.Files([]string{"a.jpg"}, true), "data.yaml")
}

// Our own readers take what is written, too.
func TestReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, os.WriteFile(path, []byte(written(t, COCO, Options{}, images())[""]), 0o644))
	r, err := coco.ReadResults(path)
	require.NoError(t, err)
	require.Equal(t, 44, r.Len())
	assert.Equal(t, [4]float64{10.5, 20.25, 99.625, 199.75}, r.Box[1])
	assert.Equal(t, []int64{1, 1, 1, 3, 4}, r.Image[:5])
	assert.Equal(t, float64(float32(0.123456789)), r.Score[2])
}

func TestIDs(t *testing.T) {
	data := &coco.Dataset{Path: "instances.json", Categories: []coco.Category{{ID: 9, Name: "other"}, {ID: 70, Name: classes[2]}, {ID: 3, Name: classes[0]}, {ID: 8, Name: classes[1]}},
		Images: []coco.Image{{ID: 42, FileName: "a.jpg"}, {ID: 7, FileName: "x/tiny.png"}, {ID: 8, FileName: "sub/tiny.png"}, {ID: 5, FileName: "crowd.jpg"}}}
	ids, err := IDsOf(data, classes)
	require.NoError(t, err)
	list := images()
	text := written(t, COCO, Options{IDs: ids}, []Image{list[0], list[2]})[""]
	assert.Contains(t, text, `{"image_id":42,"category_id":70,`)
	assert.Contains(t, text, `{"image_id":8,"category_id":3,`)
	_, err = ids.Image("photos/b.png")
	assert.EqualError(t, err, "photos/b.png: instances.json has no image of this name")
	_, err = ids.Image("tiny.png")
	assert.EqualError(t, err, "tiny.png: instances.json has several images of this name")
	id, err := ids.Image("photos.zip:a.jpg")
	require.NoError(t, err)
	assert.EqualValues(t, 42, id, "at the top of an archive")
	_, err = IDsOf(data, []string{"WBC"})
	assert.ErrorContains(t, err, `instances.json: categories: no "WBC", which is a class of the model; there are other, тромбоциты, RBC`)
}

// An id is given once: an evaluator would take two images for one.
func TestIDGivenTwice(t *testing.T) {
	ids, err := IDsOf(&coco.Dataset{Path: "ids.json", Images: []coco.Image{{ID: 77, FileName: "a.jpg"}, {ID: 78, FileName: "sub/b.jpg"}, {ID: 79, FileName: "b.jpg"}}}, nil)
	require.NoError(t, err)
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"fold/b.jpg", "fold/sub/b.jpg", "fold/a.jpg", "fold/c.jpg", "c.jpg"}, ""},
		{[]string{"x.zip:a.jpg", "x.zip:sub/b.jpg", "x.zip:b.jpg"}, ""},
		{[]string{"fold/a.jpg", "fold/sub/a.jpg"}, "fold/sub/a.jpg: its image_id in ids.json would be 77, which fold/a.jpg has already"},
		{[]string{"fold/a.jpg", "x.zip:a.jpg"}, "x.zip:a.jpg: its image_id in ids.json would be 77, which fold/a.jpg has already"},
		{[]string{"x/sub/b.jpg", "y/sub/b.jpg"}, "y/sub/b.jpg: its image_id in ids.json would be 78, which x/sub/b.jpg has already"},
	} {
		w, err := New(COCO, Options{To: &bytes.Buffer{}, IDs: ids})
		require.NoError(t, err)
		var of []error // that an id was given already
		for _, file := range c.files {
			if err := w.Add(Image{File: file}); err != nil && !strings.HasSuffix(err.Error(), "has no image of this name") {
				of = append(of, err)
			}
		}
		if err := ids.Check(c.files); c.want == "" {
			require.NoError(t, err)
			require.Empty(t, of)
		} else {
			require.EqualError(t, err, c.want)
			require.Len(t, of, 1)
			require.EqualError(t, of[0], c.want)
		}
	}
}

// The name of a file writes no line of its own, and nothing to the terminal.
func TestTextQuotesControlCharacters(t *testing.T) {
	text := written(t, Text, Options{}, []Image{{File: "a\n  king 1.000\x1b[2J.jpg"}, {File: "größe.jpg", Objects: []Object{{Class: 1, Label: "a\tb", Score: 1}}}})[""]
	assert.Equal(t, `"a\n  king 1.000\x1b[2J.jpg": 0 objects`+"\ngröße.jpg: 1 object\n"+`  "a\tb"       1.000      0.0     0.0     0.0     0.0`+"\n", text)
}

func TestErrors(t *testing.T) {
	_, err := ParseFormat("json")
	assert.EqualError(t, err, `"json": want text, jsonl, csv, coco, yolo, voc or labelstudio; did you mean jsonl?`)
	_, err = New(YOLO, Options{To: &bytes.Buffer{}})
	assert.EqualError(t, err, "format yolo writes one file per image and needs an output folder")
	_, err = New(CSV, Options{})
	assert.EqualError(t, err, "format csv needs an output file")
	_, err = New("x", Options{To: &bytes.Buffer{}})
	assert.EqualError(t, err, `unknown format "x"`)
	w, err := New(LabelStudio, Options{To: &bytes.Buffer{}})
	require.NoError(t, err)
	assert.EqualError(t, w.Add(frames()[0]), "format labelstudio takes images, not frames of a video")
	require.NoError(t, w.Close())
	assert.Error(t, w.Add(images()[0]), "after Close")
	for _, f := range []Format{Text, JSONLines, CSV, COCO, LabelStudio} {
		w, err := New(f, Options{To: full{}})
		require.NoError(t, err)
		assert.ErrorIs(t, w.Add(images()[0]), os.ErrClosed, f)
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestObjects(t *testing.T) {
	b := geom.Box{X1: 1, Y1: 2, X2: 3, Y2: 4}
	assert.Equal(t, []Object{{Class: 2, Label: "WBC", Score: 0.5, Box: b}}, Objects([]roi.Detection{{Class: 2, Score: 0.5, Box: b}}, []string{"RBC", "WBC"}))
	assert.Empty(t, Objects(nil, nil))
	assert.Equal(t, []imaging.Annotation{{Box: b, Text: "WBC #7 0.50", Class: 2}, {Box: b, Text: "RBC 0.90", Class: 1}},
		Annotations([]Object{{Class: 1, Label: "RBC", Score: 0.9, Box: b}, {Class: 2, Label: "WBC", Score: 0.5, Box: b, Track: 7}}))
}

func TestCrops(t *testing.T) {
	files := map[string][]byte{}
	c := Crops{Classes: classes, Put: func(name string, data []byte) error {
		require.NotContains(t, files, name)
		files[name] = data
		return nil
	}}
	for _, m := range append(images(), frames()...) {
		require.NoError(t, c.Add(m, imaging.New(m.Width, m.Height)))
	}
	require.Len(t, files, 3+1+40+3)
	size := func(name string) [2]int {
		m, err := imaging.Decode(files[name], imaging.Limits{})
		require.NoError(t, err, name)
		return [2]int{m.W, m.H}
	}
	assert.Equal(t, [2]int{640, 480}, size("RBC/a-1.jpg"))
	assert.Equal(t, [2]int{101, 200}, size("left, _upper_/a-2.jpg"))
	assert.Equal(t, [2]int{1, 1}, size("тромбоциты/a-3.jpg"))
	assert.Equal(t, [2]int{1, 1}, size("RBC/sub/tiny-1.jpg"))
	assert.Contains(t, files, "RBC/clip_000000-1.jpg")
	require.NoError(t, c.Add(Image{Objects: images()[0].Objects}, imaging.New(9, 9)), "an image that is listed again")
	require.NoError(t, c.Add(Image{Out: "z.jpg", Objects: []Object{{Class: 1, Box: geom.Box{X1: 9, Y1: 9, X2: 9, Y2: 9}}}}, imaging.New(9, 9)))
	assert.Equal(t, [2]int{1, 1}, size("RBC/z-1.jpg"), "a box without area")
}

func TestClassFolders(t *testing.T) {
	long := strings.Repeat("ж", 200)
	got := classFolders([]string{"a/b", "a:b", "A_B", "", "..", "CON ", "x\ny", long, long + "2"})
	assert.Equal(t, []string{"a_b", "a_b_2", "A_B_3", "_4", "_5", "CON", "x_y"}, got[:7])
	seen := map[string]bool{}
	for _, name := range got {
		assert.False(t, seen[strings.ToLower(name)])
		seen[strings.ToLower(name)] = true
		assert.LessOrEqual(t, len(name), 255)
		assert.True(t, filepath.IsLocal(name))
	}
}

func TestFollowAndCount(t *testing.T) {
	line, err := track.ParseLine("gate=0,60,100,60")
	require.NoError(t, err)
	tracker, counter := track.New(track.Default()), track.NewCounter([]track.Line{line}, nil, 30)
	var counts track.Counts
	for y := float32(0); y < 100; y += 5 {
		objects := []Object{{Class: 1, Score: 0.9, Box: geom.Box{X1: 40, Y1: y, X2: 60, Y2: y + 20}}, {Class: 1, Score: 0.05, Box: geom.Box{X2: 5, Y2: 5}}}
		Follow(tracker, objects)
		assert.Equal(t, []int{1, 0}, []int{objects[0].Track, objects[1].Track})
		counts = Count(counter, objects)
	}
	assert.Equal(t, track.Counts{{Name: "gate", Out: 1}}, counts)
}
