package main

import (
	"fmt"
	"io"
	"path/filepath"

	"scalenet/coco"
)

// checkApart returns an error if images are in both parts, unless they may be.
func (d *trainData) checkApart(w io.Writer, o opened) error {
	both, first := sharedImages(o.train, o.val)
	switch {
	case both == 0:
		return nil
	case d.shared:
		fmt.Fprintf(w, "warning: %d of the %d validation images are training images, so validation metrics overestimate the accuracy\n", both, len(o.val.Images))
		return nil
	}
	return fmt.Errorf("%s: %d of the %d validation images are training images, too (first: %s), so validation metrics would overestimate the accuracy: divide the data (--data, or \"scalenet data split\"), or give --allow-shared-images",
		o.val.Path, both, len(o.val.Images), first)
}

// sharedImages counts the validation images that are training images, and returns the first one.
func sharedImages(data, val *coco.Dataset) (both int, first string) {
	trained := map[string]bool{}
	for i := range data.Images {
		trained[realPath(data.ImagePath(i))] = true
	}
	for i := range val.Images {
		if !trained[realPath(val.ImagePath(i))] {
			continue
		}
		if both++; both == 1 {
			first = val.ImagePath(i)
		}
	}
	return both, first
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
