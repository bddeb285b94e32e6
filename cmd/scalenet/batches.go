package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"scalenet/detector"
	"scalenet/geom"
	"scalenet/internal/media"
	"scalenet/internal/pending"
	"scalenet/roi"
)

// maxWaitingBytes limits the pixels of images that wait for others of their size, or for the results of images before them.
const maxWaitingBytes = 512 << 20

// batches sends images through a detector: those of the same padded size together, size at a time. It gives the results to use in the order of
// the images. With tiles, each image is a run of its own.
type batches struct {
	detector *detector.Detector
	settings detector.Settings
	size     int
	tiles    tileOptions
	use      func(detected, error) error

	waiting []*detection // not started, in their order
	all     []*detection // not used, in their order
	bytes   int          // of the pixels of all
	pending pending.Queue
}

// detected is an image and what was found in it.
type detected struct {
	image media.Image
	size  geom.Size // of the image
	found []roi.Detection
	// merged reports that found is of several tiles.
	merged bool
}

// detection is what is known of an image.
type detection struct {
	detected
	padded geom.Size // size of the model input
	known  bool
	err    error
}

// bytes of the pixels that are held.
func (x *detection) bytes() int {
	if x.image.Large() {
		return 0
	}
	return len(x.image.Pixels.Pix)
}

// add takes an image. One of a live source does not wait for others.
func (b *batches) add(ctx context.Context, im media.Image, live bool) error {
	if b.tiles.Side > 0 {
		return b.addTiled(ctx, im, live)
	}
	x := &detection{detected: detected{image: im, size: im.Size}, padded: b.detector.Model().PaddedSize(im.Size, b.settings)}
	b.waiting, b.all, b.bytes = append(b.waiting, x), append(b.all, x), b.bytes+x.bytes()
	if live {
		if err := b.startAll(); err != nil {
			return err
		}
		return b.pending.FinishAllBut(0)
	}
	if same := b.same(x.padded); len(same) == b.size {
		if err := b.start(same); err != nil {
			return err
		}
	}
	for len(b.waiting) > 0 && (len(b.all) > 2*b.size || b.bytes > maxWaitingBytes) {
		if err := b.start(b.same(b.waiting[0].padded)); err != nil {
			return err
		}
	}
	return nil
}

// same returns the waiting images of a padded size.
func (b *batches) same(size geom.Size) (list []*detection) {
	for _, x := range b.waiting {
		if x.padded == size {
			list = append(list, x)
		}
	}
	return list
}

func (b *batches) startAll() error {
	for len(b.waiting) > 0 {
		if err := b.start(b.same(b.waiting[0].padded)); err != nil {
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
		queries[i] = detector.Query{Image: x.image.Pixels, Settings: b.settings, Original: x.size}
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
			x.complete()
		}
		return b.useKnown()
	})
	return b.pending.FinishAllBut(b.detector.MaxPending())
}

// addTiled starts the detection in the tiles of an image.
func (b *batches) addTiled(ctx context.Context, im media.Image, live bool) error {
	x := &detection{detected: detected{image: im}}
	var run *detector.TiledRun
	picture, err := im.Strips()
	if err == nil {
		x.size = picture.Size()
		run, err = b.detector.StartTiled(ctx, picture, b.settings, b.tiles.Options, b.tiles.size(b.detector.MaxPending()))
		err = errors.Join(err, picture.Close())
	}
	if ctx.Err() != nil {
		return nil // the run ends
	}
	b.all, b.bytes = append(b.all, x), b.bytes+x.bytes()
	b.pending.Add(func() error {
		if x.err = err; err == nil {
			x.found, _, x.err = run.Wait()
			x.merged = run.Runs() > 1
		}
		x.complete()
		return b.useKnown()
	})
	if live {
		return b.pending.FinishAllBut(0)
	}
	return b.pending.FinishAllBut(b.detector.MaxPending())
}

// complete marks the results as known.
func (x *detection) complete() {
	if x.known = true; x.err != nil && !strings.HasPrefix(x.err.Error(), x.image.Name+":") {
		x.err = fmt.Errorf("%s: %w", x.image.Name, x.err)
	}
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
		b.all, b.bytes = b.all[1:], b.bytes-x.bytes()
		if err := b.use(x.detected, x.err); err != nil {
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
