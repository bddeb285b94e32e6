package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"scalenet/coco"
)

// checkApart returns an error if images are in both parts, unless they may be.
func (d *trainData) checkApart(ctx context.Context, w io.Writer, o opened) error {
	err := coco.CheckApart(ctx, o.train, o.val)
	var shared *coco.SharedError
	switch {
	case !errors.As(err, &shared):
		return err
	case d.shared:
		fmt.Fprintf(w, "warning: %d of the %d validation images are training images, so validation metrics overestimate the accuracy\n", len(shared.Images), len(o.val.Images))
		return nil
	}
	return fmt.Errorf("%w; validation metrics would overestimate the accuracy: divide the data (--data, or \"scalenet data split\"), or give --allow-shared-images", err)
}

// realPath returns path with links resolved, or path itself if that fails.
func realPath(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		path = followed
	}
	return absolute(path)
}
