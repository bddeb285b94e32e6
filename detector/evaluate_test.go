package detector

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
	"scalenet/engine"
	"scalenet/imaging"
)

// evaluator is a small detector of the classes of testdata/images. An
// untrained one says something on every image.
func evaluator(t *testing.T, change func(*Config)) *Detector {
	c := smallConfig()
	c.RoI.Detections.Score = 0
	if change != nil {
		change(&c)
	}
	m, err := New(c, images(t).ClassNames(), 3)
	require.NoError(t, err)
	d := NewDetector(m, newCPU(t), Options{})
	t.Cleanup(d.Close)
	return d
}

// evaluateUntil stops an evaluation after n images.
func evaluateUntil(t *testing.T, d *Detector, data *coco.Dataset, o EvaluateOptions, n int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	o.Progress = func(done int) {
		if done == n {
			stop()
		}
	}
	_, err := d.Evaluate(ctx, data, o)
	require.ErrorIs(t, err, context.Canceled)
}

// A resumed evaluation has the same detections and metrics, bit for bit, as one that was not stopped, wherever its file was truncated.
func TestEvaluateResumes(t *testing.T) {
	d, data := evaluator(t, nil), images(t)
	whole, err := d.Evaluate(t.Context(), data, EvaluateOptions{})
	require.NoError(t, err)
	require.Greater(t, whole.Results.Len(), 20)
	require.Len(t, whole.Timings, 4)
	o := EvaluateOptions{Partial: filepath.Join(t.TempDir(), "p")}
	evaluateUntil(t, d, data, o, 2)
	two, err := os.ReadFile(o.Partial)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(two), "\n")
	require.Len(t, lines, 4, "a head, two images, nothing torn")

	o.Resume = true
	for name, v := range map[string]struct {
		text string
		from int // images that are not detected again
	}{
		"two images":           {string(two), 2},
		"nothing":              {"", 0},
		"half a head":          {lines[0][:9], 0},
		"a head":               {lines[0], 0},
		"half an image":        {string(two) + lines[2][:len(lines[2])/2], 2},
		"but for the end":      {strings.TrimSuffix(string(two), "\n"), 1},
		"zeros":                {lines[0] + lines[1] + strings.Repeat("\x00", 100) + "\n", 1},
		"zeros without an end": {string(two) + strings.Repeat("\x00", 100), 2},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(o.Partial, []byte(v.text), 0o644))
			told := -1
			o := o
			o.Progress = func(done int) {
				if told < 0 {
					told = done
				}
			}
			got, err := d.Evaluate(t.Context(), data, o)
			require.NoError(t, err)
			require.Equal(t, v.from, told)
			require.Len(t, got.Timings, 4-v.from)
			require.Equal(t, whole.Results, got.Results)
			require.Equal(t, whole.Evaluation, got.Evaluation)
			// Once more: there is nothing left to do.
			again, err := d.Evaluate(t.Context(), data, o)
			require.NoError(t, err)
			require.Empty(t, again.Timings)
			require.Equal(t, whole.Evaluation, again.Evaluation)
		})
	}

	// The results on disk say the same.
	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, coco.WriteResults(path, whole.Results))
	read, err := coco.ReadResults(path)
	require.NoError(t, err)
	figures, err := coco.Evaluate(data, read)
	require.NoError(t, err)
	require.Equal(t, whole.Evaluation, figures)
}

// A file that is not of an evaluation of this model on this dataset is an error and is not changed.
func TestEvaluateRefuses(t *testing.T) {
	d, data := evaluator(t, nil), images(t)
	o := EvaluateOptions{Partial: filepath.Join(t.TempDir(), "p")}
	evaluateUntil(t, d, data, o, 3)
	kept, err := os.ReadFile(o.Partial)
	require.NoError(t, err)
	lines := strings.SplitAfter(string(kept), "\n")
	_, err = d.Evaluate(t.Context(), data, o)
	require.ErrorContains(t, err, "a stopped evaluation is there")

	o.Resume = true
	other := evaluator(t, nil)
	other.model.Params.All()[0].Data[0]++
	fewer := images(t)
	fewer.Images[3].FileName = "other.png"
	moved := images(t)
	moved.ImagesDir = t.TempDir()
	for i := range moved.Images {
		require.NoError(t, os.WriteFile(moved.ImagePath(i), []byte("another image"), 0o644))
	}
	for name, v := range map[string]struct {
		d    *Detector
		data *coco.Dataset
		text string
		want string
	}{
		"parameters":     {other, data, string(kept), "another model"},
		"size":           {evaluator(t, func(c *Config) { c.Input.TestShorter = 96 }), data, string(kept), "another model"},
		"proposals":      {evaluator(t, func(c *Config) { c.RPN.Proposals.Test.AfterNMS = 41 }), data, string(kept), "another model"},
		"precision":      {NewDetector(d.model, d.device(), Options{Features: engine.BFloat16}), data, string(kept), "another model"},
		"data":           {d, fewer, string(kept), "of other data than testdata/images/instances.json"},
		"images":         {d, moved, string(kept), "it had"},
		"another file":   {d, data, "{}\n", "no partial results"},
		"no JSON":        {d, data, "hello\nworld\n", "no partial results"},
		"a line missing": {d, data, lines[0] + lines[2], "line 2: image_id"},
		"a broken line":  {d, data, lines[0] + "{\n" + lines[2], "line 2: broken JSON after 2 bytes: unexpected end of JSON"},
		"a wrong id":     {d, data, lines[0] + `{"image_id":"x"}` + "\n" + lines[2], `line 2: image_id: "x", want a whole number`},
		"uneven columns": {d, data, lines[0] + strings.Replace(lines[1], `"score":[`, `"score":[0.5,`, 1) + lines[2], "line 2: "},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(o.Partial, []byte(v.text), 0o644))
			_, err := v.d.Evaluate(t.Context(), v.data, o)
			require.ErrorContains(t, err, v.want)
			require.ErrorContains(t, err, o.Partial)
			after, err := os.ReadFile(o.Partial)
			require.NoError(t, err)
			require.Equal(t, v.text, string(after))
		})
	}
}

// FuzzPartial reads arbitrary bytes as a partial file. They are an error, or give columns of equal length.
func FuzzPartial(f *testing.F) {
	data := &coco.Dataset{Path: "x", ImagesDir: "testdata/images", Images: []coco.Image{{ID: 4, FileName: "instances.json"}}}
	f.Add(`{"image_id":4,"bytes":1,"category_id":[1],"bbox":[[1,2,3,4]],"score":[0.5]}`)
	f.Add(`{"image_id":4,"bytes":1e400,"bbox":[[1,2,3]]}`)
	f.Add("\x00\x00")
	f.Fuzz(func(t *testing.T, line string) {
		var r coco.Results
		if err := readPartialLine([]byte(line), data, 0, 1, &r); err != nil {
			require.Zero(t, r.Len())
		}
		require.Len(t, r.Box, r.Len())
		require.Len(t, r.Image, r.Len())
	})
}

func TestTimings(t *testing.T) {
	require.Empty(t, Timings(nil).Stages())
	var all Timings
	for i := range 100 {
		all = append(all, ImageTiming{Decode: time.Duration(100 - i), Inference: 10, Postprocess: time.Duration(i)})
	}
	s := all.Stages()
	require.Equal(t, StageTiming{"decode", 50, 50, 90, 99, 100}, s[0])
	require.Equal(t, StageTiming{"preprocess", 0, 0, 0, 0, 0}, s[1])
	require.Equal(t, StageTiming{"detect", 59, 59, 99, 108, 109}, s[4])
	one := all[:1].Stages()
	require.Equal(t, StageTiming{"decode", 100, 100, 100, 100, 100}, one[0])
}

func TestWithTestSize(t *testing.T) {
	c := Default()
	for _, v := range []struct{ shorter, longest, proposals int }{{800, 1200, 1000}, {400, 640, 1000}, {600, 1000, 300}, {512, 512, 300}} {
		c = c.WithTestSize(v.shorter, v.longest)
		require.Equal(t, []int{v.shorter, v.longest, v.proposals}, []int{c.Input.TestShorter, c.Input.TestLongest, c.RPN.Proposals.Test.AfterNMS})
	}
}

// An image has the same detections in Evaluate as in Detect, whatever resizes it.
func TestEvaluateDetectsAsDetect(t *testing.T) {
	data := images(t)
	for _, kind := range []imaging.ResizeKind{imaging.Bilinear, imaging.Pillow, imaging.OpenCV, imaging.OpenCVFactor} {
		d := evaluator(t, func(c *Config) {
			c.Input.Resize, c.Input.TestShorter, c.Input.TestLongest = kind, 67, 200 // a factor that is not the ratio of the sides
			if kind == imaging.OpenCVFactor {
				c.Input.Rounding = imaging.FitRoundEven
			}
		})
		evaluated, err := d.Evaluate(t.Context(), data, EvaluateOptions{})
		require.NoError(t, err)
		at := 0
		for i := range data.Images {
			image, err := imaging.Load(data.ImagePath(i), imaging.Limits{})
			require.NoError(t, err)
			found, _, err := d.Detect(image)
			require.NoError(t, err)
			require.NotEmpty(t, found[0])
			for _, x := range found[0] {
				require.Equal(t, float64(x.Score), evaluated.Results.Score[at], "%s: image %d", kind, i)
				require.Equal(t, float64(x.Box.X1), evaluated.Results.Box[at][0], "%s: image %d", kind, i)
				at++
			}
		}
		require.Equal(t, evaluated.Results.Len(), at)
	}
}
