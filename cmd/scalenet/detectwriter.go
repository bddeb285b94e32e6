package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scalenet/detector"
	"scalenet/media"
	"scalenet/results"
	"scalenet/roi"
	"scalenet/video"
)

// detectWriter writes what was found in images and videos, on a goroutine of its own, so that the device does not wait for drawing.
type detectWriter struct {
	options *detectOptions
	classes []string
	list    []media.Source
	drawn   []string // by source; "": not drawn
	results results.Writer
	tally   *tally

	queue  chan detected
	failed chan error // the error that ends the run
	done   chan struct{}

	mp4 *video.Encoder // of the source numbered of; nil if there is none
	of  int
}

// detected is an image and what was found in it.
type detected struct {
	image media.Image
	found []roi.Detection
}

func newDetectWriter(ctx context.Context, o *detectOptions, c *cobra.Command, classes []string, list []media.Source, drawn []string) (*detectWriter, error) {
	format := results.Text
	if o.json {
		format = results.JSONLines
	}
	r, err := results.New(format, results.Options{Classes: classes, To: c.OutOrStdout()})
	if err != nil {
		return nil, err
	}
	w := &detectWriter{options: o, classes: classes, list: list, drawn: drawn, results: r, tally: newTally(ctx, c, classes, list),
		queue: make(chan detected, 2), failed: make(chan error, 1), done: make(chan struct{})}
	go w.run()
	return w, nil
}

// put takes the result of an image. An error that concerns only the image is counted; the error that it returns ends the run.
func (w *detectWriter) put(im media.Image, found []roi.Detection, err error) error {
	if err != nil {
		w.tally.fail(err)
		return nil
	}
	select {
	case w.queue <- detected{im, w.options.scores.Keep(found)}:
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
	select {
	case err := <-w.failed:
		w.tally.end()
		return err
	default:
	}
	if err := w.results.Close(); err != nil {
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

// write writes everything about an image: drawn, printed, counted.
func (w *detectWriter) write(x detected) error {
	objects := results.Objects(x.found, w.classes)
	if err := w.draw(x); err != nil {
		w.tally.fail(err)
		if !w.list[x.image.Source].Stream() {
			return nil
		}
	}
	m := results.Image{File: w.list[x.image.Source].Name, Width: x.image.Pixels.W, Height: x.image.Pixels.H, Objects: objects}
	if f := x.image.Frame; f != nil {
		m.Frame = &results.Frame{Index: f.Number, Time: f.Time}
	}
	if err := w.results.Add(m); err != nil {
		return err
	}
	w.tally.count(x.found)
	return nil
}

// draw writes the image with its boxes: a file, or a frame of the source's video.
func (w *detectWriter) draw(x detected) error {
	at := x.image.Source
	if w.mp4 != nil && w.of != at {
		w.endVideo()
	}
	if w.drawn[at] == "" {
		return nil
	}
	drawn := x.image.Pixels.Clone()
	if err := drawn.Draw(detector.Annotations(x.found, w.classes)...); err != nil {
		return fmt.Errorf("%s: %w", x.image.Name, err)
	}
	if !w.list[at].Video {
		return w.options.output.write(numberedFrame(w.drawn[at], x.image.Frame), drawn.Save)
	}
	if w.mp4 == nil {
		file, err := w.options.output.create(w.drawn[at])
		if err == nil {
			w.mp4, err = video.NewEncoder(file, drawn.W, drawn.H, x.image.Frame.Rate)
		}
		if err != nil {
			w.drawn[at] = ""
			return err
		}
		w.of = at
	}
	if err := w.mp4.Write(drawn); err != nil {
		return w.videoFailed(err)
	}
	return nil
}

// videoFailed ends the video being written. The rest of its source is not drawn.
func (w *detectWriter) videoFailed(err error) error {
	path := w.drawn[w.of]
	w.drawn[w.of] = ""
	w.endVideo()
	return fmt.Errorf("%s: %w; the video ends here", path, err)
}

func (w *detectWriter) endVideo() {
	if w.mp4 == nil {
		return
	}
	if err := w.mp4.Close(); err != nil {
		w.tally.fail(fmt.Errorf("%s: %w", w.drawn[w.of], err))
	}
	w.mp4 = nil
}

// numberedFrame adds the number of a frame to the name of a file.
func numberedFrame(path string, f *media.Frame) string {
	if f == nil {
		return path
	}
	extension := filepath.Ext(path)
	return fmt.Sprintf("%s_%06d%s", strings.TrimSuffix(path, extension), f.Number, extension)
}

// create creates a file that is written while the command runs, by the rule of outputs.
func (o *outputs) create(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	how := os.O_EXCL
	if o.force {
		how = os.O_TRUNC
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if os.IsExist(err) {
		return nil, thereError(path)
	}
	return file, err
}
