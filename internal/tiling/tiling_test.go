package tiling

import (
	"context"
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/imaging"
	"scalenet/tile"
)

// dataset has one image of 150x100 pixels per list of boxes (x, y, width, height, crowd).
func dataset(t *testing.T, boxes ...[][5]float64) *coco.Dataset {
	t.Helper()
	dir := t.TempDir()
	var images, annotations []map[string]any
	for i, list := range boxes {
		name := string(rune('a'+i)) + ".png"
		m := imaging.New(150, 100)
		for k := range m.Pix {
			m.Pix[k] = byte(k + i)
		}
		require.NoError(t, m.Save(filepath.Join(dir, name)))
		images = append(images, map[string]any{"id": i + 1, "file_name": name, "width": 150, "height": 100})
		for _, b := range list {
			annotations = append(annotations, map[string]any{"id": len(annotations) + 1, "image_id": i + 1, "category_id": 7,
				"bbox": b[:4], "area": b[2] * b[3], "iscrowd": b[4]})
		}
	}
	if annotations == nil {
		annotations = []map[string]any{}
	}
	text, err := json.Marshal(map[string]any{"images": images, "annotations": annotations, "categories": []any{map[string]any{"id": 7, "name": "cell"}}})
	require.NoError(t, err)
	path := filepath.Join(dir, "instances.json")
	require.NoError(t, os.WriteFile(path, text, 0o644))
	d, err := coco.Open(path, coco.Options{Images: dir})
	require.NoError(t, err)
	return d
}

func options() Options {
	return Options{Tiles: tile.Options{Side: 64, Overlap: 0.2, Merge: tile.DefaultMerge()}, Visible: 0.2, Extension: ".png"}
}

func TestWrite(t *testing.T) {
	d := dataset(t, [][5]float64{{10, 10, 20, 10, 0}, {60, 10, 20, 20, 0}, {0, 0, 150, 100, 1}}, nil)
	out := t.TempDir()
	o := options()
	file := filepath.Join(out, "instances_train.json")
	require.NoError(t, os.Mkdir(filepath.Join(out, "images"), 0o755))
	n, err := Write(context.Background(), d, filepath.Join(out, "images", "train"), file, o)
	require.NoError(t, err)
	// Columns begin at 0, 52, 86, rows at 0, 36. The first object is in one tile. Of the second one, the first column shows 4 of 20 columns (0.2), the second
	// all, the third none. The crowd's box is in all tiles, each with 64*64/(150*100) = 0.27 of it.
	require.Equal(t, Counts{Images: 2, Tiles: 6, Objects: 1 + 2 + 6, Clipped: 1 + 6, Empty: 6}, n)
	got, err := coco.Open(file, coco.Options{})
	require.NoError(t, err)
	require.NoError(t, got.CheckImages())
	require.Equal(t, []string{"cell"}, got.ClassNames())
	require.Equal(t, "train/a_0_0.png", got.Images[0].FileName)
	require.Len(t, got.Objects(0), 3)
	first := got.Annotations[got.Objects(0)[0]]
	require.Equal(t, [4]float64{10, 10, 20, 10}, first.Box)
	require.Equal(t, [4]float64{60, 10, 4, 20}, got.Annotations[got.Objects(0)[1]].Box)
	require.InDelta(t, 80, got.Annotations[got.Objects(0)[1]].Area, 1e-9)
	require.True(t, got.Annotations[got.Objects(0)[2]].Crowd)
	require.Equal(t, [4]float64{8, 10, 20, 20}, got.Annotations[got.Objects(1)[0]].Box)
	whole, err := imaging.Load(d.ImagePath(0), imaging.Limits{})
	require.NoError(t, err)
	part, err := imaging.Load(got.ImagePath(4), imaging.Limits{})
	require.NoError(t, err)
	require.Equal(t, "train/a_52_36.png", got.Images[4].FileName)
	require.Equal(t, whole.Pix[((36+5)*150+52+7)*3:((36+5)*150+52+8)*3], part.Pix[(5*64+7)*3:(5*64+8)*3])
}

func TestVisibleAndEmpty(t *testing.T) {
	d := dataset(t, [][5]float64{{60, 10, 20, 20, 0}, {5, 5, 0, 9, 0}}, nil)
	o := options()
	o.Visible, o.Empty = 0.21, true
	dir := t.TempDir()
	n, err := Write(context.Background(), d, filepath.Join(dir, "train"), filepath.Join(dir, "i.json"), o)
	require.NoError(t, err)
	require.Equal(t, Counts{Images: 2, Tiles: 12, Objects: 1, Cut: 1, Empty: 11}, n)
	o.Tiles.Side = 640 // larger than the images
	n, err = Write(context.Background(), d, filepath.Join(dir, "large"), filepath.Join(dir, "large.json"), o)
	require.NoError(t, err)
	require.Equal(t, Counts{Images: 2, Tiles: 2, Objects: 1, Empty: 1}, n)
}

func TestErrors(t *testing.T) {
	d := dataset(t, nil)
	for text, change := range map[string]func(*Options){
		"visible 0:":   func(o *Options) { o.Visible = 0 },
		"visible 1.5":  func(o *Options) { o.Visible = 1.5 },
		"overlap 0.95": func(o *Options) { o.Tiles.Overlap = 0.95 },
		"tile 0":       func(o *Options) { o.Tiles.Side = 0 },
		`format "gif"`: func(o *Options) { o.Extension = ".gif" },
	} {
		o := options()
		change(&o)
		_, err := Write(context.Background(), d, filepath.Join(t.TempDir(), "x"), "x.json", o)
		require.ErrorContains(t, err, text)
	}
	_, err := Write(context.Background(), d, t.TempDir(), "x.json", options())
	require.ErrorIs(t, err, os.ErrExist)
	require.NoError(t, os.WriteFile(d.ImagePath(0), []byte("nothing"), 0o644))
	_, err = Write(context.Background(), d, filepath.Join(t.TempDir(), "x"), "x.json", options())
	require.ErrorIs(t, err, imaging.ErrUnsupported)
	require.ErrorContains(t, err, "images[0]")
}

func TestClip(t *testing.T) {
	at := image.Rect(100, 50, 200, 150)
	for _, c := range []struct {
		box, want [4]float64
		share     float64
	}{
		{[4]float64{110, 60, 5, 5}, [4]float64{10, 10, 5, 5}, 1},
		{[4]float64{90, 60, 20, 10}, [4]float64{0, 10, 10, 10}, 0.5},
		{[4]float64{0, 0, 1000, 1000}, [4]float64{0, 0, 100, 100}, 0.01},
		{[4]float64{200, 60, 5, 5}, [4]float64{}, 0}, // touches
		{[4]float64{110, 60, 0, 5}, [4]float64{}, 0}, // has no area
	} {
		got, share := clip(c.box, at)
		require.Equal(t, c.want, got)
		require.InDelta(t, c.share, share, 1e-12)
	}
}
