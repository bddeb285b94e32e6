package view

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
)

// data is a data set of n black images of 80x60; image i has i boxes of the class cat and, the last one, a dog.
func data(t testing.TB, n int) *coco.Dataset {
	dir := t.TempDir()
	var images, boxes string
	id := 0
	add := func(image, category int) {
		boxes += fmt.Sprintf(`%c{"id": %d, "image_id": %d, "category_id": %d, "bbox": [20, 15, 40, 30], "iscrowd": %d}`, " ,"[min(id, 1)], id, image, category, id%2)
		id++
	}
	for i := range n {
		name := fmt.Sprintf("%02d.png", i)
		require.NoError(t, imaging.New(80, 60).Save(filepath.Join(dir, name)))
		images += fmt.Sprintf(`%c{"id": %d, "file_name": %q}`, " ,"[min(i, 1)], i, name)
		for range i {
			add(i, 1)
		}
	}
	add(n-1, 2)
	file := filepath.Join(dir, "gt.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"images": [`+images+`], "annotations": [`+boxes+`],
		"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 3, "name": "a class with a name that is long"}]}`), 0o644))
	d, err := coco.Open(file, coco.Options{})
	require.NoError(t, err)
	return d
}

func TestChoice(t *testing.T) {
	d := data(t, 5)
	for name, c := range map[string]struct {
		opt    Options
		images []int
		pages  int
	}{
		"all":       {Options{}, []int{0, 1, 2, 3, 4}, 1},
		"annotated": {Options{AnnotatedOnly: true, Rows: 1, Columns: 3}, []int{1, 2, 3, 4}, 2},
		"class":     {Options{Class: "dog", Rows: 1, Columns: 1}, []int{4}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(d, c.opt)
			require.NoError(t, err)
			require.Equal(t, c.images, s.images)
			require.Equal(t, c.pages, s.Len())
		})
	}
	one, err := New(d, Options{Seed: 3})
	require.NoError(t, err)
	again, err := New(d, Options{Seed: 3})
	require.NoError(t, err)
	require.Equal(t, one.images, again.images)
	require.ElementsMatch(t, []int{0, 1, 2, 3, 4}, one.images)
	require.NotEqual(t, []int{0, 1, 2, 3, 4}, one.images)
	for want, opt := range map[string]Options{`unknown class "cow"`: {Class: "cow"}, "none of its 5 images": {Class: "a class with a name that is long"},
		"rows -1: want 1 to 100": {Rows: -1}, "too large a sheet": {Rows: 100, Columns: 100, Width: 4000}} {
		_, err := New(d, opt)
		require.ErrorContains(t, err, want)
	}
}

// A box is where it belongs, in its class's colour; the image of the last page is as large as it must be.
func TestPage(t *testing.T) {
	d := data(t, 5)
	s, err := New(d, Options{Rows: 2, Columns: 2, Width: 160})
	require.NoError(t, err)
	sheet, failed, _, err := s.Page(t.Context(), 1) // image 4: four cats and a dog on top of each other
	require.NoError(t, err)
	require.Zero(t, failed)
	require.Equal(t, []int{160 + 2*margin, 120 + captionHeight + 2*margin + legend}, []int{sheet.W, sheet.H})
	require.Equal(t, imaging.ClassColor(2), sheet.At(margin+40, margin+60), "the box's left side: the image is twice as large as in the file")
	require.Equal(t, imaging.ClassColor(2), sheet.At(margin+119, margin+89))
	require.NotEqual(t, imaging.ClassColor(2), sheet.At(margin+60, margin+60))
	black, _, _, err := s.Page(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 2*160+3*margin, black.W)
	require.Equal(t, uint8(0), black.Pix[((margin+60)*black.W+margin+60)*3], "image 0 has no boxes")

	_, _, _, err = s.Page(t.Context(), 2)
	require.ErrorContains(t, err, "page 2: only 2 pages")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, _, err = s.Page(ended, 0)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, os.WriteFile(d.ImagePath(1), []byte("no image"), 0o644))
	_, failed, first, err := s.Page(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 1, failed)
	require.ErrorIs(t, first, imaging.ErrUnsupported)
	require.NoError(t, os.Remove(d.ImagePath(0)))
	require.NoError(t, syscall.Mkfifo(d.ImagePath(0), 0o600))
	_, failed, first, err = s.Page(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 2, failed)
	require.ErrorContains(t, first, "00.png: not a regular file")
}

// The legend of many classes takes several lines and all of them fit.
func TestLegend(t *testing.T) {
	var l classLegend
	for i := range 40 {
		l.names, l.class = append(l.names, fmt.Sprintf("class %d", i)), append(l.class, i+1)
	}
	m := imaging.New(420, l.lines(400)*legend)
	require.Greater(t, l.lines(400), 5)
	require.NoError(t, l.draw(m, 10, 0, 400))
	require.Equal(t, 40, l.lines(1), "an entry a line")
}
