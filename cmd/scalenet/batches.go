package main

import (
	"context"
	"fmt"
	"slices"

	"scalenet/detector"
	"scalenet/geom"
	"scalenet/internal/pending"
	"scalenet/media"
	"scalenet/roi"
)

// maxWaitingBytes limits the pixels of images that wait for others of their size, or for the results of images before them.
const maxWaitingBytes = 512 << 20

// batches sends images through a detector: those of the same padded size together, size at a time. It gives the results to use in the order of
// the images.
type batches struct {
	detector *detector.Detector
	settings detector.Settings
	size     int
	use      func(media.Image, []roi.Detection, error) error

	waiting []*detection // not started, in their order
	all     []*detection // not used, in their order
	bytes   int          // of the pixels of all
	pending pending.Queue
}

// detection is an image, and what was found in it when it is known.
type detection struct {
	image media.Image
	size  geom.Size // padded
	known bool
	found []roi.Detection
	err   error
}

// add takes an image. One of a live source does not wait for others.
func (b *batches) add(im media.Image, live bool) error {
	w, h := im.Pixels.W, im.Pixels.H
	x := &detection{image: im, size: b.detector.Model().PaddedSize(geom.Size{W: w, H: h}, b.settings)}
	b.waiting, b.all, b.bytes = append(b.waiting, x), append(b.all, x), b.bytes+3*w*h
	if live {
		if err := b.startAll(); err != nil {
			return err
		}
		return b.pending.FinishAllBut(0)
	}
	if same := b.same(x.size); len(same) == b.size {
		if err := b.start(same); err != nil {
			return err
		}
	}
	for len(b.waiting) > 0 && (len(b.all) > 2*b.size || b.bytes > maxWaitingBytes) {
		if err := b.start(b.same(b.waiting[0].size)); err != nil {
			return err
		}
	}
	return nil
}

// same returns the waiting images of a size.
func (b *batches) same(size geom.Size) (list []*detection) {
	for _, x := range b.waiting {
		if x.size == size {
			list = append(list, x)
		}
	}
	return list
}

func (b *batches) startAll() error {
	for len(b.waiting) > 0 {
		if err := b.start(b.same(b.waiting[0].size)); err != nil {
			return err
		}
	}
	return nil
}

// start runs the detector on a batch. If that fails, each image has a run of its own.
func (b *batches) start(list []*detection) error {
	b.waiting = slices.DeleteFunc(b.waiting, func(x *detection) bool { return slices.Contains(list, x) })
	queries := make([]detector.Query, len(list))
	for i, x := range list {
		queries[i] = detector.Query{Image: x.image.Pixels, Settings: b.settings}
	}
	run, err := b.detector.Start(queries...)
	b.pending.Add(func() error {
		var all [][]roi.Detection
		if err == nil {
			all, _, err = run.Wait()
		}
		for i, x := range list {
			switch {
			case err == nil:
				x.found = all[i]
			case len(list) == 1:
				x.err = err
			default:
				x.alone(b.detector, queries[i])
			}
			if x.known = true; x.err != nil {
				x.err = fmt.Errorf("%s: %w", x.image.Name, x.err)
			}
		}
		return b.useKnown()
	})
	return b.pending.FinishAllBut(b.detector.MaxPending())
}

func (x *detection) alone(d *detector.Detector, q detector.Query) {
	all, _, err := d.DetectEach(q)
	if x.err = err; err == nil {
		x.found = all[0]
	}
}

// useKnown uses the results whose turn it is.
func (b *batches) useKnown() error {
	for len(b.all) > 0 && b.all[0].known {
		x := b.all[0]
		b.all[0] = nil
		b.all, b.bytes = b.all[1:], b.bytes-3*x.image.Pixels.W*x.image.Pixels.H
		if err := b.use(x.image, x.found, x.err); err != nil {
			return err
		}
	}
	return nil
}

// flush runs the images that wait, unless the context has ended, and uses all results.
func (b *batches) flush(ctx context.Context) error {
	if ctx.Err() == nil {
		if err := b.startAll(); err != nil {
			return err
		}
	}
	return b.pending.FinishAllBut(0)
}
