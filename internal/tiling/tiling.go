// Package tiling cuts the images of a data set into tiles, for detectors of objects that are small compared to their images. It writes the tiles as PNG
// files and a COCO instances file.
//
// An object belongs to each tile that shows at least a given fraction of its box, clipped to the tile, as in sahi's slice_coco. All tiles of an image go to the
// same part. A tile's file name is that of its image and the position of its upper left corner.
package tiling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/tile"
)

// Options say how images are cut.
type Options struct {
	Tiles tile.Options // Merge is not used
	// Visible is the smallest fraction of an object's box that a tile must show to have the object.
	Visible float64
	// Empty keeps tiles without objects.
	Empty bool
	// Extension is the format of the tiles: .png or .jpg.
	Extension string
	// Progress, if not nil, is called with the number of images that are done.
	Progress func(done int)
}

// Check returns an error that names the option and its value.
func (o Options) Check() error {
	if !(o.Visible > 0 && o.Visible <= 1) {
		return fmt.Errorf("visible %v: want a number above 0, at most 1", o.Visible)
	}
	if o.Extension != ".png" && o.Extension != ".jpg" {
		return fmt.Errorf("format %q: want png or jpg", strings.TrimPrefix(o.Extension, "."))
	}
	return o.Tiles.Check()
}

// Counts are the numbers of what was written.
type Counts struct {
	Images, Tiles, Objects int
	Clipped                int // objects that a tile shows in part
	Cut                    int // objects that a tile shows, but less than Options.Visible
	Empty                  int // tiles without objects, left out unless Options.Empty
}

// Write cuts the images of a data set into tiles in the new folder dir, and writes the instances file, whose file names are relative to the folder of dir.
func Write(ctx context.Context, d *coco.Dataset, dir, file string, o Options) (Counts, error) {
	if err := o.Check(); err != nil {
		return Counts{}, err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return Counts{}, err
	}
	w := &writer{options: o, data: d, dir: dir, names: map[string]int{}}
	for i := range d.Images {
		if err := ctx.Err(); err != nil {
			return w.counts, err
		}
		if err := w.image(ctx, i); err != nil {
			return w.counts, fmt.Errorf("%s: images[%d]: %w", d.Path, i, err)
		}
		if w.counts.Images++; o.Progress != nil {
			o.Progress(w.counts.Images)
		}
	}
	return w.counts, checkpoint.WriteAtomic(file, func(to io.Writer) error { return json.NewEncoder(to).Encode(w.instances()) })
}

// writer is the state of a Write call.
type writer struct {
	options Options
	data    *coco.Dataset
	dir     string
	names   map[string]int // stems of the tiles' names, by image
	images  []tileImage
	objects []object
	counts  Counts
}

// The instances file. coco.WriteCOCO writes data sets that were read.
type (
	instances struct {
		Images      []tileImage `json:"images"`
		Annotations []object    `json:"annotations"`
		Categories  []category  `json:"categories"`
	}
	tileImage struct {
		ID     int64  `json:"id"`
		File   string `json:"file_name"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
		Source string `json:"source"` // file name of the image, to keep its tiles together
	}
	object struct {
		ID       int64      `json:"id"`
		Image    int64      `json:"image_id"`
		Category int64      `json:"category_id"`
		Box      [4]float64 `json:"bbox"`
		Area     float64    `json:"area"`
		Crowd    int        `json:"iscrowd"`
		Ignore   int        `json:"ignore,omitempty"`
	}
	category struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
)

func (w *writer) instances() instances {
	all := instances{w.images, w.objects, nil}
	if all.Annotations == nil {
		all.Annotations = []object{}
	}
	for _, c := range w.data.Categories {
		all.Categories = append(all.Categories, category(c))
	}
	return all
}

// image writes the tiles of an image.
func (w *writer) image(ctx context.Context, i int) error {
	picture, err := imaging.OpenStrips(w.data.ImagePath(i), imaging.Limits{})
	if err != nil {
		return err
	}
	defer picture.Close()
	stem, err := w.stem(i)
	if err != nil {
		return err
	}
	tiles, objects := w.options.kept(w.data, i, picture.Size(), &w.counts)
	for part, err := range picture.Parts(tiles) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		at := tiles[part.Index]
		name := fmt.Sprintf("%s_%d_%d%s", stem, at.Min.X, at.Min.Y, w.options.Extension)
		if err := part.Image.Save(filepath.Join(w.dir, name)); err != nil {
			return err
		}
		id := int64(len(w.images) + 1)
		w.images = append(w.images, tileImage{id, path.Join(filepath.Base(w.dir), name), at.Dx(), at.Dy(), w.data.Images[i].FileName})
		for _, x := range objects[part.Index] {
			x.ID, x.Image = int64(len(w.objects)+1), id
			w.objects = append(w.objects, x)
		}
		w.counts.Tiles++
	}
	return nil
}

// stem returns the beginning of the names of an image's tiles: its name without folders and extension, with the folders if another image has it.
func (w *writer) stem(i int) (string, error) {
	name := filepath.ToSlash(w.data.Images[i].FileName)
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if _, taken := w.names[stem]; taken {
		stem = strings.ReplaceAll(strings.Trim(path.Clean(name), "/."), "/", "_")
	}
	if other, taken := w.names[stem]; taken {
		return "", fmt.Errorf("its tiles would have the names of those of images[%d]", other)
	}
	if stem == "" {
		return "", errors.New("no file name")
	}
	w.names[stem] = i
	return stem, nil
}

// kept returns the tiles of an image that are written, with their objects.
func (o Options) kept(d *coco.Dataset, i int, size geom.Size, counts *Counts) (tiles []image.Rectangle, objects [][]object) {
	for _, at := range o.Tiles.Slices(size) {
		var inside []object
		for _, k := range d.Objects(i) {
			a := &d.Annotations[k]
			box, share := clip(a.Box, at)
			if share <= 0 {
				continue
			}
			if share < o.Visible {
				counts.Cut++
				continue
			}
			if share < 1 {
				counts.Clipped++
			}
			inside = append(inside, object{Category: d.Categories[a.Class-1].ID, Box: box, Area: a.Area * share, Crowd: flag(a.Crowd), Ignore: flag(a.Ignore)})
		}
		if len(inside) == 0 {
			if counts.Empty++; !o.Empty {
				continue
			}
		}
		counts.Objects += len(inside)
		tiles, objects = append(tiles, at), append(objects, inside)
	}
	return tiles, objects
}

// clip returns the part of a box (x, y, width, height) that a tile shows, in pixels of the tile, and its fraction of the box's area.
func clip(box [4]float64, at image.Rectangle) (clipped [4]float64, share float64) {
	x1, y1 := max(box[0], float64(at.Min.X)), max(box[1], float64(at.Min.Y))
	x2, y2 := min(box[0]+box[2], float64(at.Max.X)), min(box[1]+box[3], float64(at.Max.Y))
	if !(x2 > x1 && y2 > y1) {
		return clipped, 0
	}
	share = (x2 - x1) * (y2 - y1) / (box[2] * box[3])
	w, h := x2-x1, y2-y1
	if x1 == box[0] && x2 == box[0]+box[2] {
		w = box[2] // without a rounding
	}
	if y1 == box[1] && y2 == box[1]+box[3] {
		h = box[3]
	}
	return [4]float64{x1 - float64(at.Min.X), y1 - float64(at.Min.Y), w, h}, min(1, share)
}

func flag(v bool) int {
	if v {
		return 1
	}
	return 0
}
