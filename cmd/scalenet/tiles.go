package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/tile"
)

// tileOptions are the flags of the commands that detect in tiles.
type tileOptions struct {
	tile.Options
	method, metric string
	batch          int
}

func (o *tileOptions) flags(c *cobra.Command) {
	f, merge := c.Flags(), tile.DefaultMerge()
	f.IntVar(&o.Side, "tile", 0, "side of the tiles in pixels, such as 640: detect in overlapping tiles of each image and in the whole image; 0 is off")
	f.Float64Var(&o.Overlap, "overlap", tile.DefaultOverlap, "with --tile: fraction of a tile that neighbouring tiles share, up to 0.9")
	choose(f, &o.method, "merge", string(merge.Method), "with --tile: what becomes of boxes that match: \"nms\" (the best remains) or \"greedy-nmm\" (the best is extended to enclose them)", tile.Methods()...)
	choose(f, &o.metric, "merge-metric", string(merge.Metric), "with --tile: overlap of two boxes: \"iou\" (intersection over union) or \"ios\" (over the smaller box)", tile.Metrics()...)
	f.Float64Var(&o.Merge.Threshold, "merge-threshold", merge.Threshold, "with --tile: boxes match from this overlap on")
	f.IntVar(&o.batch, "tile-batch", 0, "with --tile: most tiles per batch (default 1 on the CPU, 8 on a GPU)")
}

// check returns an error for values that are out of range, and for flags that have no effect without --tile.
func (o *tileOptions) check(c *cobra.Command) error {
	o.Merge.Method, o.Merge.Metric = tile.Method(o.method), tile.Metric(o.metric)
	if !c.Flags().Changed("tile") {
		for _, name := range []string{"overlap", "merge", "merge-metric", "merge-threshold", "tile-batch"} {
			if c.Flags().Changed(name) {
				return fmt.Errorf("--%s without --tile has no effect", name)
			}
		}
		return nil
	}
	if o.Side == 0 {
		return nil
	}
	if err := o.Options.Check(); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if o.batch < 0 || o.batch > 256 {
		return errors.New("--tile-batch: want a number from 1 to 256")
	}
	return nil
}

// size returns the number of tiles per batch on a device that may have pending batches, or none.
func (o *tileOptions) size(pending int) int {
	switch {
	case o.batch > 0:
		return o.batch
	case pending > 0:
		return 8
	}
	return 1
}
