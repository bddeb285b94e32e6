package coco

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSplitKeepsEveryImageAndTheProportions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &Dataset{Path: "drawn", Categories: []Category{{1, "a"}, {2, "b"}, {3, "c"}}}
		n := rapid.IntRange(2, 60).Draw(t, "images")
		for i := range n {
			d.Images = append(d.Images, Image{ID: int64(i + 1), FileName: fmt.Sprint(i)})
			for range rapid.IntRange(0, 3).Draw(t, "objects") {
				d.Annotations = append(d.Annotations, Annotation{ID: int64(len(d.Annotations) + 1), Image: i,
					Class: rapid.IntRange(1, 3).Draw(t, "class"), Box: [4]float64{0, 0, 1, 1}})
			}
		}
		d.index()
		fraction := rapid.Float64Range(0.05, 0.95).Draw(t, "fraction")
		seed := rapid.Uint64().Draw(t, "seed")
		a, b, err := d.Split(fraction, seed)
		require.NoError(t, err)
		seen := map[int64]bool{}
		for _, p := range []*Dataset{a, b} {
			for i, img := range p.Images {
				require.False(t, seen[img.ID])
				seen[img.ID] = true
				require.Len(t, p.Objects(i), len(d.Objects(int(img.ID-1))))
			}
		}
		require.Len(t, seen, n)
		require.Equal(t, len(d.Annotations), len(a.Annotations)+len(b.Annotations))
		require.InDelta(t, fraction*float64(n), len(b.Images), 4, "images")
		again, _, err := d.Split(fraction, seed)
		require.NoError(t, err)
		require.Equal(t, a.Images, again.Images)
	})
}

// Images of the same bytes are never on both sides, and the share is kept.
func TestSplitKeepsCopiesTogether(t *testing.T) {
	d := &Dataset{Path: "x.json", ImagesDir: t.TempDir(), Categories: []Category{{1, "a"}, {2, "b"}}}
	content := func(i int) string { return fmt.Sprintf("image %03d", i/3) } // three of each, all of one length
	for i := range 90 {
		d.Images = append(d.Images, Image{ID: int64(i), FileName: fmt.Sprintf("%d.jpg", i)})
		if i%10 != 0 { // a file that is missing is no copy
			writeFile(t, d.ImagePath(i), content(i))
		}
		d.Annotations = append(d.Annotations, Annotation{ID: int64(i), Image: i, Class: 1 + i%2})
	}
	d.index()
	for seed := range uint64(5) {
		a, b, err := d.Split(0.3, seed)
		require.NoError(t, err)
		require.Len(t, append(a.Images[:len(a.Images):len(a.Images)], b.Images...), 90)
		require.InDelta(t, 27, len(b.Images), 3)
		in := map[string]bool{}
		for _, img := range a.Images {
			if img.ID%10 != 0 {
				in[content(int(img.ID))] = true
			}
		}
		for _, img := range b.Images {
			require.False(t, img.ID%10 != 0 && in[content(int(img.ID))], "%d", img.ID)
		}
	}
}

// Lists of images stay together, also with the copies of one of them.
func TestSplitKeepsListsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 40).Draw(t, "images")
		d := &Dataset{Path: "drawn", Categories: []Category{{1, "a"}}}
		for i := range n {
			d.Images = append(d.Images, Image{ID: int64(i), FileName: fmt.Sprint(i)})
			if rapid.Bool().Draw(t, "object") {
				d.Annotations = append(d.Annotations, Annotation{Image: i, Class: 1})
			}
		}
		d.index()
		lists := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 4), 0, 6).Draw(t, "together")
		a, b, err := d.Split(0.3, 1, lists...)
		if err != nil {
			require.EqualError(t, err, fmt.Sprintf("drawn: all %d images are copies or near copies of each other and cannot be split", n))
			return
		}
		require.Len(t, append(a.Images[:len(a.Images):len(a.Images)], b.Images...), n)
		second := map[int]bool{}
		for _, img := range b.Images {
			second[int(img.ID)] = true
		}
		for _, list := range lists {
			for _, i := range list {
				require.Equal(t, second[list[0]], second[i], "%v", list)
			}
		}
	})
	d := &Dataset{Path: "x.json", ImagesDir: t.TempDir()}
	for i, text := range []string{"one", "two", "one", "six"} {
		d.Images = append(d.Images, Image{ID: int64(i), FileName: fmt.Sprint(i)})
		writeFile(t, d.ImagePath(i), text)
	}
	d.index()
	a, b, err := d.Split(0.5, 1, []int{1, 2})
	require.NoError(t, err)
	if len(a.Images) < len(b.Images) {
		a, b = b, a
	}
	require.Equal(t, []Image{{3, "3", 0, 0}}, b.Images, "0 is a copy of 2, which is near 1")
	_, _, err = d.Split(0.5, 1, []int{1, 2}, []int{2, 3})
	require.ErrorContains(t, err, "x.json: all 4 images are copies or near copies of each other")
}

func TestSplitRefuses(t *testing.T) {
	one := &Dataset{Path: "one.json", Images: []Image{{ID: 1}}}
	one.index()
	_, _, err := one.Split(0.5, 1)
	require.EqualError(t, err, "one.json: 1 images cannot be split")
	_, _, err = one.Split(1, 1)
	require.EqualError(t, err, "one.json: fraction 1: want a number between 0 and 1")
}
