package coco

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// lcg is the generator of testdata/make_random.py.
type lcg uint64

func (s *lcg) below(n int) int {
	*s = *s*6364136223846793005 + 1442695040888963407
	return int(uint64(*s) >> 33 % uint64(n))
}

func (s *lcg) chance(percent int) bool { return s.below(100) < percent }

// randomProblem draws what problem(seed) of testdata/make_random.py draws, call by call.
func randomProblem(seed int) (*Dataset, *Results) {
	s := lcg(seed)
	d, r := new(Dataset), new(Results)
	images, classes := 1+s.below(8), 1+s.below(4)
	digits := []int{10, 100, 1000, 1000000}[s.below(4)]
	crowds, tight, busy := s.below(3)*10, s.chance(50), s.chance(15)
	for i := range images {
		id := (i*7 + 3) % 11 * (1 + 40*s.below(2))
		d.Images = append(d.Images, Image{ID: int64(id*10 + i)})
	}
	ids := make([]int64, classes)
	for i := range ids {
		ids[i] = int64(2*i + s.below(2))
	}
	if s.chance(50) {
		slices.Reverse(ids)
	}
	for _, id := range ids {
		d.Categories = append(d.Categories, Category{id, strconv.FormatInt(id, 10)})
	}
	for i := range d.Images {
		first := len(d.Annotations)
		for range s.below(10) {
			d.Annotations = append(d.Annotations, s.object(len(d.Annotations)+1, i, classes, crowds))
		}
		objects := d.Annotations[first:]
		n := s.below(40)
		if busy {
			n += 130
		}
		for range n {
			score := float64(1+s.below(digits)) / float64(digits)
			category, box := s.detection(objects, ids, tight)
			if s.chance(2) {
				category = 99
			}
			r.Add(d.Images[i].ID, category, box, score)
		}
	}
	if s.chance(50) {
		slices.Reverse(r.Image)
		slices.Reverse(r.Category)
		slices.Reverse(r.Box)
		slices.Reverse(r.Score)
	}
	d.index()
	return d, r
}

func (s *lcg) object(id, image, classes, crowds int) Annotation {
	sides := [4]int{32, 96, 20 + s.below(80), 1 + s.below(300)}
	side := float64(sides[s.below(4)])
	box := [4]float64{float64(s.below(800))/4 - 20, float64(s.below(800)) / 4, side, 0}
	factor := 3 + s.below(4)
	box[3] = side
	if s.chance(60) {
		box[3] = side * float64(factor) / 5
	}
	if s.chance(3) {
		box[2+s.below(2)] = 0
	}
	a := Annotation{ID: int64(id), Image: image, Class: 1 + s.below(classes), Box: box, Area: box[2] * box[3]}
	sevenths := 1 + s.below(7)
	if s.chance(50) {
		a.Area = box[2] * box[3] * float64(sevenths) / 7
	}
	a.Crowd = s.chance(crowds)
	return a
}

func (s *lcg) detection(objects []Annotation, ids []int64, tight bool) (int64, [4]float64) {
	if len(objects) == 0 || !s.chance(70) {
		category := ids[s.below(len(ids))]
		return category, [4]float64{float64(s.below(800)) / 4, float64(s.below(800)) / 4, float64(s.below(900)) / 7, float64(s.below(900)) / 7}
	}
	o := objects[s.below(len(objects))]
	category, k := ids[o.Class-1], 9
	if tight {
		k = 40
	}
	var box [4]float64
	for i := range 2 {
		box[i] = o.Box[i] + float64(float64(s.below(7)-3)*o.Box[i+2]/float64(k))
	}
	for i := 2; i < 4; i++ {
		box[i] = o.Box[i] * float64(k+s.below(5)-2) / float64(k)
	}
	if s.chance(10) {
		category = ids[s.below(len(ids))]
	}
	return category, box
}

// TestRandomProblems compares 300 problems with pycocotools: ties, crowds, area limits, boxes without area, ids from 0 and out of
// order, more than 100 detections, unlisted categories.
func TestRandomProblems(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "random.json"))
	require.NoError(t, err)
	var cases [][]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Len(t, cases, 300)
	for _, c := range cases {
		var seed, objects, detections int
		var want []float64
		for i, v := range []any{&seed, &objects, &detections, &want} {
			require.NoError(t, json.Unmarshal(c[i], v))
		}
		d, r := randomProblem(seed)
		require.Len(t, d.Annotations, objects, "seed %d", seed)
		require.Equal(t, detections, r.Len(), "seed %d", seed)
		e, err := Evaluate(d, r)
		require.NoError(t, err)
		slices.SortFunc(e.Classes, func(a, b ClassFigures) int { return cmp.Compare(a.ID, b.ID) })
		got := slices.Clone(e.Stats[:])
		for _, k := range e.Classes {
			got = append(got, k.Stats.AP(), k.Stats.AP50())
		}
		require.Len(t, got, len(want))
		for i := range want {
			require.InDelta(t, want[i], got[i], exact, "seed %d, figure %d", seed, i)
		}
	}
}

// TestResultsFile writes random results and reads the same bits back.
func TestResultsFile(t *testing.T) {
	for seed := range 20 {
		_, want := randomProblem(seed)
		want.Path = filepath.Join(t.TempDir(), "results.json")
		require.NoError(t, WriteResults(want.Path, want))
		got, err := ReadResults(want.Path)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
