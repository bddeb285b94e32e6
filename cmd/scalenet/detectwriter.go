package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"scalenet/detector"
	"scalenet/internal/media"
	"scalenet/internal/video"
	"scalenet/results"
	"scalenet/track"
)

// detectWriter writes what was found in images and videos, on a goroutine of its own, so that the device does not wait for drawing.
type detectWriter struct {
	to       *resultOptions
	selected selections
	classes  []string
	list     []media.Source
	results  results.Writer
	end      func() error // closes the file of the results
	crops    *results.Crops
	tracks   *tracks // nil: objects are not followed
	tally    *tally

	queue  chan detected
	failed chan error // the error that ends the run
	done   chan struct{}

	mp4 *video.Encoder // of the source numbered of; nil if there is none
	of  int
}

// selections are those of images, and of frames in which objects are followed.
type selections struct{ image, followed detector.Selection }

func newDetectWriter(ctx context.Context, o *detectOptions, c *cobra.Command, s selections, classes []string, list []media.Source) (*detectWriter, error) {
	w := &detectWriter{to: &o.results, selected: s, classes: classes, list: list,
		queue: make(chan detected, 2), failed: make(chan error, 1), done: make(chan struct{})}
	if o.tracks.on {
		w.tracks = newTracks(&o.tracks, w.counted)
	}
	if o.results.crops != "" {
		w.crops = &results.Crops{Classes: classes, Put: o.results.putBelow(o.results.crops)}
	}
	var err error
	if w.results, w.end, err = o.results.open(c.OutOrStdout(), classes); err != nil {
		return nil, err
	}
	w.tally = newTally(ctx, c, classes, list, o.results.toFiles())
	go w.run()
	return w, nil
}

// counted tells of the counts of a source.
func (w *detectWriter) counted(source int, counts track.Counts) {
	if len(counts) > 0 {
		w.tally.note(fmt.Errorf("%s: %v", w.list[source].Name, counts))
	}
}

// follows reports whether the objects of an image are followed.
func (w *detectWriter) follows(im media.Image) bool { return w.tracks != nil && im.Frame != nil }

// put takes the result of an image. An error that concerns only the image is counted; the error that it returns ends the run.
func (w *detectWriter) put(x detected, err error) error {
	if err != nil {
		w.tally.fail(err)
		return nil
	}
	selection := w.selected.image
	if w.follows(x.image) {
		selection = w.selected.followed
	}
	if x.merged {
		selection = selection.Merged()
	}
	x.found = selection.Keep(x.found)
	select {
	case w.queue <- x:
		return nil
	case <-w.done:
		err := <-w.failed
		w.failed <- err // for close
		return err
	}
}

func (w *detectWriter) run() {
	defer close(w.done)
	for x := range w.queue {
		if err := w.write(x); err != nil {
			w.failed <- err
			return
		}
	}
}

// close writes what is left, and returns the error of the run, or the number of failures.
func (w *detectWriter) close(ctx context.Context) error {
	close(w.queue)
	<-w.done
	w.endVideo()
	if w.tracks != nil {
		w.tracks.end()
	}
	select {
	case err := <-w.failed:
		w.tally.end()
		return errors.Join(err, w.end())
	default:
	}
	if err := errors.Join(w.results.Close(), w.end()); err != nil {
		return err
	}
	w.tally.end()
	if ctx.Err() != nil {
		return &interruptedError{ctx.Err()}
	}
	return w.tally.err()
}

// interruptedError is the end of a run by a signal.
type interruptedError struct{ error }

func (e *interruptedError) Error() string { return "interrupted" }
func (e *interruptedError) Unwrap() error { return e.error }

// write writes everything about an image: drawn, cut out, printed, counted. If its pictures fail, an image is not printed, but a frame is.
func (w *detectWriter) write(x detected) error {
	m := w.describe(x)
	var printed bool
	var failed error // of printing
	addResult := func() error {
		printed, failed = true, w.results.Add(m)
		return failed
	}
	err := w.pictures(x.image, m, addResult)
	if err != nil && failed == nil {
		w.tally.fail(err)
	}
	good := err == nil || w.list[x.image.Source].Stream()
	if good && !printed {
		_ = addResult() // failed has the error
	}
	switch {
	case failed != nil && !w.to.kind.PerImage() && w.to.ids == "":
		return failed
	case failed != nil:
		w.tally.fail(failed) // of this image
	case good:
		w.tally.count(m.Objects)
	}
	return nil
}

// describe returns what is written about an image.
func (w *detectWriter) describe(x detected) results.Image {
	at := x.image.Source
	m := results.Image{File: w.list[at].Name, Out: w.to.names[at], Width: x.size.W, Height: x.size.H, Objects: results.Objects(x.found, w.classes)}
	f := x.image.Frame
	if f == nil {
		return m
	}
	m.Frame = &results.Frame{Index: f.Number, Time: f.Time}
	if w.follows(x.image) {
		m.Frame.Counts = w.tracks.follow(x.image, m.Objects)
		m.Objects = slices.DeleteFunc(m.Objects, func(o results.Object) bool {
			return o.Track == 0 && !w.selected.image.Wanted(o.Class, o.Score)
		})
	}
	return m
}
