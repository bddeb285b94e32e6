package coco

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const exact = 1e-9

func requireFigures(t *testing.T, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, want[i], got[i], exact, "figure %d", i)
	}
}

// TestEdgeCases are hand-made problems with the figures of pycocotools; each says why it exists.
func TestEdgeCases(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "edge.json"))
	require.NoError(t, err)
	var cases []struct {
		Name, Why  string
		Stats      []float64
		APPerClass map[string]float64 `json:"ap_per_class"`
		GT, DT     json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Len(t, cases, 21)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			gtPath := writeFile(t, filepath.Join(dir, "gt.json"), string(c.GT))
			dtPath := writeFile(t, filepath.Join(dir, "dt.json"), string(c.DT))
			for _, v := range []Evaluator{{}, {ReferenceQuirks: true}} {
				gt, dt, err := v.ReadFiles(gtPath, dtPath)
				require.NoError(t, err)
				e, err := v.Evaluate(gt, dt)
				require.NoError(t, err)
				requireFigures(t, c.Stats, e.Stats[:])
				require.Len(t, e.Classes, len(c.APPerClass))
				for _, k := range e.Classes {
					require.InDelta(t, c.APPerClass[strconv.FormatInt(k.ID, 10)], k.Stats.AP(), exact, "class %d", k.ID)
				}
			}
		})
	}
}

// TestFake100 has the figures published with the COCO API.
func TestFake100(t *testing.T) {
	dir := shared(t, "reference", "coco-eval", "cocoapi_fake100")
	e, err := EvaluateFiles(filepath.Join(dir, "instances_val2014_100.json"), filepath.Join(dir, "instances_val2014_fakebbox100_results.json"))
	require.NoError(t, err)
	requireFigures(t, []float64{0.5045806987249628, 0.6969727247299577, 0.5729816669904931, 0.5856257209, 0.5193996948, 0.5013978986,
		0.3868127796, 0.5936795763, 0.5953529829, 0.6398109626, 0.5664205979, 0.5642905983}[3:], e.Stats[3:])
	requireFigures(t, []float64{0.5045806987, 0.6969727247, 0.5729816670}, e.Stats[:3])
}

// perfect is a problem whose figures are easy to see: the detections equal the objects.
func perfect(t *testing.T) (*Dataset, *Results) {
	d, err := readInstances(strings.NewReader(`{"images": [{"id": 0}, {"id": 4}], "categories": [{"id": 0, "name": "a"}],
		"annotations": [{"id": 0, "image_id": 0, "category_id": 0, "bbox": [0, 0, 10, 10]}, {"id": 1, "image_id": 4, "category_id": 0, "bbox": [0, 0, 10, 10]}]}`), 0, Options{})
	require.NoError(t, err)
	var r Results
	for i := range d.Annotations {
		r.Add(d.Images[i].ID, 0, d.Annotations[i].Box, 0.5)
	}
	return d, &r
}

// TestUnlikeReference holds what differs from pycocotools on purpose.
func TestUnlikeReference(t *testing.T) {
	d, r := perfect(t)
	e, err := Evaluate(d, r)
	require.NoError(t, err)
	require.InDelta(t, 1, e.Stats.AP(), exact, "an object with id 0 can be found")

	e, err = Evaluate(d, new(Results))
	require.NoError(t, err)
	require.Zero(t, e.Stats.AP(), "an empty list of detections finds nothing")
	require.Equal(t, -1.0, e.Stats[5], "no large objects")

	r.Add(0, 77, [4]float64{0, 0, 1, 1}, 1)
	e, err = Evaluate(d, r)
	require.NoError(t, err)
	require.Equal(t, 1, e.Unlisted)
	require.Equal(t, 2, e.Classes[0].Detections)
	require.Equal(t, 2, e.Classes[0].Objects)
}

// TestIgnored has an object that the file says to ignore: found or not, and found twice.
func TestIgnored(t *testing.T) {
	d, r := perfect(t)
	d.Annotations[1].Ignore = true
	e, err := Evaluate(d, r)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{e.Classes[0].Objects, e.Ignored})
	require.InDelta(t, 1, e.Stats.AP(), exact, "found")

	e, err = Evaluator{ReferenceQuirks: true}.Evaluate(d, r)
	require.NoError(t, err)
	require.Equal(t, []int{2, 0}, []int{e.Classes[0].Objects, e.Ignored})
	require.InDelta(t, 51/101.*0.5, e.Stats.AP(), exact, "the object with id 0 is not found there")

	for range 2 {
		r.Add(4, 0, d.Annotations[1].Box, 0.9)
	}
	e, err = Evaluate(d, r)
	require.NoError(t, err)
	require.InDelta(t, 0.5, e.Stats.AP(), exact, "all but the first detection of it are false positives, unlike on a crowd")
	d.Annotations[1].Crowd = true
	e, err = Evaluate(d, r)
	require.NoError(t, err)
	require.InDelta(t, 1, e.Stats.AP(), exact)
	require.Zero(t, e.Ignored)
}

// TestMatchingAllocatesNothing once the scratch has seen the largest cell.
func TestMatchingAllocatesNothing(t *testing.T) {
	gt, dt := newOddProblem(3, false).read(t, false)
	p, err := Evaluator{}.arrange(gt, dt, cocoAreas())
	require.NoError(t, err)
	m := newMatcher(p)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		for k := range gt.Categories {
			m.match(span{p.dtFrom[k], p.dtFrom[k+1], p.gtFrom[k], p.gtFrom[k+1]})
		}
	}))
}

func TestEvaluateErrors(t *testing.T) {
	d, r := perfect(t)
	r.Add(9, 0, [4]float64{0, 0, 1, 1}, 1)
	_, err := Evaluate(d, r)
	require.ErrorContains(t, err, "[2].image_id: the ground truth has no image with the id 9")
	r.Score = r.Score[:2]
	_, err = Evaluate(d, r)
	require.ErrorContains(t, err, "columns")
}

// TestEmptyDataset evaluates nothing at all.
func TestEmptyDataset(t *testing.T) {
	d, err := readInstances(strings.NewReader(`{"images": [], "categories": [], "annotations": []}`), 0, Options{})
	require.NoError(t, err)
	e, err := Evaluate(d, new(Results))
	require.NoError(t, err)
	for _, v := range e.Stats {
		require.Equal(t, -1.0, v)
	}
}

// TestSynth is the problem of the speed comparison, with the figures of pycocotools: SCALENET_SYNTH names the folder where
// coco_synth.py wrote it.
func TestSynth(t *testing.T) {
	dir := os.Getenv("SCALENET_SYNTH")
	if dir == "" {
		t.Skip("SCALENET_SYNTH is not set")
	}
	e, err := EvaluateFiles(filepath.Join(dir, "gt.json"), filepath.Join(dir, "dt.json"))
	require.NoError(t, err)
	requireFigures(t, []float64{.26328970540230096, .65024027180148369, .13869630769021712, .28829801194776639, .26413700231187542,
		.25495628334750431, .12512939358982167, .3641685720658534, .38993449497284799, .39064622705661078, .38932042555812674,
		.38942753201290115}, e.Stats[:])
}

// BenchmarkEvaluateFiles goes from files to figures on a problem of the size of COCO val2017: 5,000 images, 500,000 detections.
func BenchmarkEvaluateFiles(b *testing.B) {
	gt, dt := benchmarkProblem()
	dir := b.TempDir()
	gtPath, dtPath := filepath.Join(dir, "gt.json"), filepath.Join(dir, "dt.json")
	require.NoError(b, WriteCOCO(gtPath, gt))
	require.NoError(b, WriteResults(dtPath, dt))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EvaluateFiles(gtPath, dtPath); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEvaluate is the same without the files.
func BenchmarkEvaluate(b *testing.B) {
	gt, dt := benchmarkProblem()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Evaluate(gt, dt); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkProblem has 7 objects and 100 detections on each of 5,000 images, of 80 classes, some more frequent than others.
func benchmarkProblem() (*Dataset, *Results) {
	r := rand.New(rand.NewPCG(1, 2))
	number := func(most float64) float64 { return math.Round(r.Float64()*most*100) / 100 }
	d, results := &Dataset{}, &Results{}
	for k := range 80 {
		d.Categories = append(d.Categories, Category{ID: int64(k + 1), Name: strconv.Itoa(k + 1)})
	}
	for i := range 5000 {
		d.Images = append(d.Images, Image{ID: int64(i*17 + 100), FileName: strconv.Itoa(i) + ".jpg", Width: 640, Height: 480})
		for n := range 100 {
			class := min(r.IntN(80), r.IntN(80))
			box := [4]float64{number(500), number(400), 5 + number(200), 5 + number(200)}
			if n < 7 {
				d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations) + 1), Image: i, Class: class + 1, Box: box,
					Area: box[2] * box[3] * 0.7, Crowd: r.IntN(100) == 0})
				box[0], box[2] = box[0]+number(20), box[2]*0.9
			}
			results.Add(d.Images[i].ID, int64(class+1), box, math.Round(r.Float64()*1000)/1000)
		}
	}
	d.index()
	return d, results
}
