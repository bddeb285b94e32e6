package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/layout"
	"scalenet/internal/brief"
	"scalenet/internal/similar"
	"scalenet/internal/tiling"
	"scalenet/tile"
	"scalenet/train"
)

type dataTileOptions struct {
	tiling.Options
	images, split, format string
	val                   float64
	seed                  uint64
}

func newDataTileCommand() *cobra.Command {
	o := dataTileOptions{Options: tiling.Options{Tiles: tile.Options{Merge: tile.DefaultMerge()}}}
	c := &cobra.Command{
		Use:   "tile --tile SIDE IN OUT",
		Short: "Cut the images of a data set into overlapping tiles",
		Long: `Cut the images of a data set (a COCO instances file, a Pascal VOC folder, YOLO's
data.yaml, or any folder with images and annotations) into overlapping tiles, for
training on images that are large compared to their objects. OUT is a new folder with
COCO instances files and the tiles.

A tile has the objects of which it shows at least --visible of the box, clipped to the
tile. Tiles without objects are left out unless --empty is given. The splits of IN are
kept. If IN has none, --val splits off validation images before they are cut, so that
all tiles of an image, and of its near copies, stay in one split.`,
		Example: `  scalenet data tile --tile 640 --overlap 0.2 data/aerial data/aerial-tiles
  scalenet data tile --tile 640 --val 0.2 --images photos instances.json tiles`,
		Args: takes("IN", "OUT"),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0], args[1]) },
	}
	f := c.Flags()
	f.IntVar(&o.Tiles.Side, "tile", 0, "side of the tiles in pixels, such as 640")
	f.Float64Var(&o.Tiles.Overlap, "overlap", tile.DefaultOverlap, "fraction of a tile that neighbouring tiles share, up to 0.9")
	f.Float64Var(&o.Visible, "visible", 0.2, "smallest fraction of an object's box that a tile must show to have the object")
	f.BoolVar(&o.Empty, "empty", false, "keep tiles without objects")
	choose(f, &o.format, "format", "png", `format of the tiles: "png" (exact) or "jpg" (smaller)`, "png", "jpg")
	f.StringVar(&o.images, "images", "", "image folder of IN, if IN is a COCO file")
	f.StringVar(&o.split, "split", "", "split of IN, if IN has several (default: all)")
	f.Float64Var(&o.val, "val", 0, "if IN has no splits: fraction of the images that is split off for validation")
	f.Uint64Var(&o.seed, "seed", 1, "random seed of --val")
	requireFlags(c, "tile")
	return c
}

func (o *dataTileOptions) run(c *cobra.Command, in, out string) error {
	o.Extension = "." + o.format
	if err := o.Check(); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if err := checkNewFolder(out); err != nil {
		return err
	}
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), "stopping after this tile")
	defer stop()
	parts, err := o.parts(ctx, in)
	if errors.Is(err, context.Canceled) {
		return &stoppedError{"stopped before the first image; " + out + " was not made"}
	}
	if err != nil {
		return err
	}
	total, done := 0, 0
	for _, p := range parts {
		total += len(p.Data.Images)
	}
	told := newProgress(c.ErrOrStderr(), "images", total)
	counts := make([]tiling.Counts, len(parts))
	err = layout.NewFolder(out, false, func(dir string) error {
		if err := os.Mkdir(filepath.Join(dir, "images"), 0o755); err != nil {
			return err
		}
		for i, p := range parts {
			before := done
			o.Progress = func(n int) { done = before + n; told.done(done) }
			counts[i], err = tiling.Write(ctx, p.Data, filepath.Join(dir, "images", p.Name), filepath.Join(dir, "instances_"+p.Name+".json"), o.Options)
			if err != nil {
				return err
			}
		}
		return nil
	})
	told.end()
	if errors.Is(err, context.Canceled) {
		return &stoppedError{fmt.Sprintf("stopped after %d of %d images; %s was not made", done, total, out)}
	}
	if err != nil {
		return err
	}
	for i, p := range parts {
		n := counts[i]
		fmt.Fprintf(c.OutOrStdout(), "%s: %s, %s, %s, %d of them clipped; %s of objects and %s without objects left out\n",
			p.Name, brief.Count(n.Images, "image"), brief.Count(n.Tiles, "tile"), brief.Count(n.Objects, "object"), n.Clipped, brief.Count(n.Cut, "part"), brief.Count(o.left(n), "tile"))
	}
	return nil
}

// checkNewFolder returns an error if the folder of the tiles exists or cannot be made.
func checkNewFolder(out string) error {
	if out == "" {
		return errors.New("OUT is empty: want the name of a new folder")
	}
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s: already exists; a folder is never replaced", out)
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) { // of the latter tryFolder says more
		return err
	}
	folder := output{of: "OUT", path: out, made: true}
	return folder.tryFolder(map[string]bool{})
}

// left returns the number of tiles that were left out.
func (o *dataTileOptions) left(n tiling.Counts) int {
	if o.Empty {
		return 0
	}
	return n.Empty
}

// parts reads the splits of a data set, or splits it.
func (o *dataTileOptions) parts(ctx context.Context, in string) ([]layout.Part, error) {
	parts, err := openParts(in, o.split, coco.Options{Images: o.images})
	if err != nil {
		return nil, err
	}
	for i := range parts {
		if parts[i].Name == "" {
			parts[i].Name = "train"
		}
	}
	switch {
	case o.val == 0:
		return parts, nil
	case len(parts) > 1 || o.split != "":
		return nil, fmt.Errorf("--val %v: %s has splits already", o.val, in)
	}
	near, err := similar.Find(ctx, parts[0].Data, similar.Options{})
	if err != nil {
		return nil, err
	}
	a, b, err := parts[0].Data.Split(o.val, o.seed, near...)
	if err != nil {
		return nil, fmt.Errorf("--val: %w", err)
	}
	return []layout.Part{{Name: "train", Data: a}, {Name: "val", Data: b}}, nil
}
