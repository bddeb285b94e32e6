package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"scalenet/coco"
)

// checkApart returns an error if images are in both parts, unless they may be.
func (d *trainData) checkApart(ctx context.Context, w io.Writer, o opened) error {
	both, err := coco.SharedImages(ctx, o.train, o.val)
	if err != nil || len(both) == 0 {
		return err
	}
	if d.shared {
		fmt.Fprintf(w, "warning: %d of the %d validation images are training images, so validation metrics overestimate the accuracy\n", len(both), len(o.val.Images))
		return nil
	}
	first := o.val.ImagePath(both[0].Second)
	if !both[0].File {
		first += ", the same bytes as " + o.train.ImagePath(both[0].First)
	}
	return fmt.Errorf("%s: %d of the %d validation images are training images, too (first: %s), so validation metrics would overestimate the accuracy: divide the data (--data, or \"scalenet data split\"), or give --allow-shared-images",
		o.val.Path, len(both), len(o.val.Images), first)
}

// realPath returns path with links resolved, or path itself if that fails.
func realPath(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		path = followed
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return path
}
