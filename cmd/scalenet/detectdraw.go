package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"scalenet/imaging"
	"scalenet/internal/media"
	"scalenet/internal/video"
	"scalenet/results"
)

// pictures writes the image with its boxes, and its objects. If the drawing is a file of its own, it calls addResult before the file gets its name: see remaining.
func (w *detectWriter) pictures(im media.Image, m results.Image, addResult func() error) error {
	if im.Large() && (w.to.drawn[im.Source] != "" || w.crops != nil) {
		w.tally.note(fmt.Errorf("%s: %d x %d pixels are too many to be decoded at once: only results are written", im.Name, m.Width, m.Height))
		return nil
	}
	var whole *imaging.Image
	if w.to.drawn[im.Source] != "" || w.crops != nil {
		var err error
		if whole, err = im.Whole(); err != nil {
			return err
		}
	}
	if w.crops != nil {
		if err := w.crops.Add(m, whole); err != nil {
			return err
		}
	}
	return w.draw(im, whole, m.Objects, addResult)
}

// draw writes the image with its boxes: a file, or a frame of the source's video.
func (w *detectWriter) draw(im media.Image, whole *imaging.Image, objects []results.Object, addResult func() error) error {
	at := im.Source
	if w.mp4 != nil && w.of != at {
		w.endVideo()
	}
	if w.to.drawn[at] == "" {
		return nil
	}
	drawn := whole.Clone()
	if err := drawn.DrawMarks(w.to.marks, results.Annotations(objects)...); err != nil {
		return fmt.Errorf("%s: %w", im.Name, err)
	}
	if !w.list[at].Video {
		return w.saveDrawn(drawn, numberedFrame(w.to.drawn[at], im.Frame), addResult)
	}
	if w.mp4 == nil {
		file, err := w.to.files.create(w.to.drawn[at])
		if err == nil {
			w.mp4, err = video.NewEncoder(file, drawn.W, drawn.H, im.Frame.Rate)
		}
		if err != nil {
			w.to.drawn[at] = ""
			return err
		}
		w.of = at
	}
	if err := w.mp4.Write(drawn); err != nil {
		return w.videoFailed(err)
	}
	return nil
}

// saveDrawn writes a drawing. addResult is called when all but its name is written.
func (w *detectWriter) saveDrawn(drawn *imaging.Image, path string, addResult func() error) error {
	return w.to.files.write(path, func(staged string) error {
		if err := drawn.Save(staged); err != nil {
			return err
		}
		if err := w.to.files.free(path); err != nil { // it has appeared since: an image that is not drawn is not printed
			return err
		}
		return addResult()
	})
}

// videoFailed ends the video being written. The rest of its source is not drawn.
func (w *detectWriter) videoFailed(err error) error {
	path := w.to.drawn[w.of]
	w.to.drawn[w.of] = ""
	w.endVideo()
	return fmt.Errorf("%s: %w; the video ends here", path, err)
}

func (w *detectWriter) endVideo() {
	if w.mp4 == nil {
		return
	}
	if err := w.mp4.Close(); err != nil {
		w.tally.fail(fmt.Errorf("%s: %w", w.to.drawn[w.of], err))
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
