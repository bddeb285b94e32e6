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

func TestSplitRefuses(t *testing.T) {
	one := &Dataset{Path: "one.json", Images: []Image{{ID: 1}}}
	one.index()
	_, _, err := one.Split(0.5, 1)
	require.EqualError(t, err, "one.json: 1 images cannot be split")
	_, _, err = one.Split(1, 1)
	require.EqualError(t, err, "one.json: fraction 1: want a number between 0 and 1")
}
