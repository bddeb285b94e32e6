package main

import (
	"context"
	"fmt"
	"io"

	"scalenet/coco"
)

// onlyReadable returns data without the images that cannot be read, and tells w which.
func onlyReadable(ctx context.Context, w io.Writer, data *coco.Dataset) (*coco.Dataset, error) {
	told := newProgress(w, "images", len(data.Images))
	left := 0
	kept, err := data.Readable(ctx, func(err error) {
		left++
		fmt.Fprintln(w, "left out:", oneLine(err))
	}, told.done)
	if left > 0 && err == nil {
		fmt.Fprintf(w, "%s: %d of its %d images cannot be read and are left out\n", data.Path, left, len(data.Images))
	}
	return kept, err
}

// checkReadable returns an error if images cannot be read: the first, and the number of the others. what is done is told to w, and advice ends the error.
func checkReadable(ctx context.Context, w io.Writer, data *coco.Dataset, what, advice string) error {
	told := newProgress(w, what, len(data.Images))
	defer told.end()
	var bad []error
	_, err := data.Readable(ctx, func(err error) { bad = append(bad, err) }, told.done)
	if ctx.Err() != nil || len(bad) == 0 {
		return err
	}
	more := ""
	if len(bad) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(bad)-1)
	}
	return fmt.Errorf("%w%s: %s", bad[0], more, advice)
}
