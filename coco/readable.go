package coco

import (
	"context"
	"fmt"
	"sync/atomic"

	"scalenet/geom"
	"scalenet/imaging"
)

// Readable returns the data set without the images that cannot be decoded or whose size is not the annotated one. It decodes every image. Each
// image that is left out is reported, in order. progress, which may be nil, is called with the number of images done.
func (d *Dataset) Readable(ctx context.Context, report func(error), progress func(done int)) (*Dataset, error) {
	errs := make([]error, len(d.Images))
	var done atomic.Int64
	told := make(chan int, len(d.Images))
	go func() {
		defer close(told)
		parallel(len(d.Images), func(_ *struct{}, i int) {
			if ctx.Err() != nil {
				return
			}
			errs[i] = d.decode(i)
			told <- int(done.Add(1))
		})
	}()
	for n := range told {
		if progress != nil {
			progress(n)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	side := make([]int, len(d.Images))
	left := 0
	for i, err := range errs {
		if err != nil {
			report(fmt.Errorf("%s: images[%d]: %w", d.Path, d.ImagePlace(i), err))
			side[i] = 1
			left++
		}
	}
	switch left {
	case 0:
		return d, nil
	case len(d.Images):
		return nil, fmt.Errorf("%s: none of its %d images can be read, first: images[%d]: %w", d.Path, left, d.ImagePlace(0), errs[0])
	}
	return d.part(side, 0), nil
}

// decode returns the error of loading image i for training.
func (d *Dataset) decode(i int) error {
	path, size := d.ImagePath(i), geom.Size{W: d.Images[i].Width, H: d.Images[i].Height}
	var err error
	if size.W < 1 || size.H < 1 {
		_, err = imaging.Load(path, imaging.Limits{})
	} else {
		_, err = loadImage(path, size, imaging.Limits{}, nil)
	}
	return err
}
