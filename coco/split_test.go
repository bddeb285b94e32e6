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

// drawnSplit is a data set of n images. boxes are the classes of the objects of the first ones.
func drawnSplit(n int, boxes ...int) *Dataset {
	d := &Dataset{Path: "drawn"}
	for c := range 20 {
		d.Categories = append(d.Categories, Category{ID: int64(c + 1), Name: fmt.Sprint(c + 1)})
	}
	for i := range n {
		d.Images = append(d.Images, Image{ID: int64(i), FileName: fmt.Sprint(i)})
		if i < len(boxes) && boxes[i] > 0 {
			d.Annotations = append(d.Annotations, Annotation{Image: i, Class: boxes[i], Box: [4]float64{0, 0, 1, 1}})
		}
	}
	d.index()
	return d
}

// Few images of each class, or few groups of copies, leave no part empty or without objects.
func TestSplitLeavesNoPartWithout(t *testing.T) {
	var twice []int
	for c := range 20 {
		twice = append(twice, c+1, c+1)
	}
	hidden := drawnSplit(10, 1, 1, 1, 2, 2)
	for i := range 3 {
		hidden.Annotations[i].Crowd = i > 0
		hidden.Annotations[i].Box[2] = float64(i)
	}
	for name, c := range map[string]struct {
		data          *Dataset
		fraction      float64
		together      [][]int
		images, found [2]int
	}{
		"two images per class":     {drawnSplit(8, 1, 1, 2, 2, 3, 3, 4, 4), 0.2, nil, [2]int{6, 2}, [2]int{6, 2}},
		"of many classes":          {drawnSplit(40, twice...), 0.2, nil, [2]int{32, 8}, [2]int{32, 8}},
		"two equal groups":         {drawnSplit(10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 0.2, [][]int{{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}}, [2]int{5, 5}, [2]int{5, 5}},
		"two unequal groups":       {drawnSplit(10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 0.2, [][]int{{0, 1, 2}, {3, 4, 5, 6, 7, 8, 9}}, [2]int{7, 3}, [2]int{7, 3}},
		"two images":               {drawnSplit(2, 1, 1), 0.2, nil, [2]int{1, 1}, [2]int{1, 1}},
		"mostly background":        {drawnSplit(13, 1, 1), 0.2, nil, [2]int{9, 4}, [2]int{1, 1}},
		"one image with objects":   {drawnSplit(13, 1), 0.2, nil, [2]int{10, 3}, [2]int{1, 0}},
		"objects in one group":     {drawnSplit(10, 1, 1, 1), 0.2, [][]int{{0, 1, 2}}, [2]int{8, 2}, [2]int{3, 0}},
		"crowds, boxes of no area": {hidden, 0.2, nil, [2]int{7, 3}, [2]int{1, 1}},
		"a large second part":      {drawnSplit(8, 1, 1, 2, 2, 3, 3, 4, 4), 0.8, nil, [2]int{2, 6}, [2]int{2, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				a, b, err := c.data.Split(c.fraction, seed, c.together...)
				require.NoError(t, err)
				require.Equal(t, c.images, [2]int{len(a.Images), len(b.Images)}, "images")
				require.Equal(t, c.found, [2]int{a.Findable(), b.Findable()}, "images with objects")
			}
		})
	}
	a, _, err := drawnSplit(40, twice...).Split(0.2, 1)
	require.NoError(t, err)
	classes := map[int]bool{}
	for i := range a.Annotations {
		classes[a.Annotations[i].Class] = true
	}
	require.Len(t, classes, 20, "every class is trained on")
}

func TestSplitRefuses(t *testing.T) {
	one := &Dataset{Path: "one.json", Images: []Image{{ID: 1}}}
	one.index()
	_, _, err := one.Split(0.5, 1)
	require.EqualError(t, err, "one.json: 1 images cannot be split")
	_, _, err = one.Split(1, 1)
	require.EqualError(t, err, "one.json: fraction 1: want a number between 0 and 1")
}
