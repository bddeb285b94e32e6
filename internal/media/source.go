package media

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/video"
)

// Source is an image, or a stream of images.
type Source struct {
	Name   string // as the user knows it: photo.jpg, photos.zip:a/b.jpg, https://host/c.jpg, clip.mp4
	File   string // file on disk that it is read from; "" if there is none
	Path   string // where an output belongs: File; of an image in an archive a path below the archive
	Folder string // the argument that Path was found in, or the folder of the file that is the argument
	Video  bool   // a video or camera

	err   error                                          // instead of an image
	read  func(context.Context) ([]byte, error)          // of an image
	open  func(context.Context, Options) (stream, error) // of a stream
	live  bool
	count func(context.Context) int // of the frames of a stream, about
	tape  *archive                  // that it is in
}

// Stream reports whether the number of images is unknown.
func (s Source) Stream() bool { return s.open != nil }

// Live reports whether the source has no end.
func (s Source) Live() bool { return s.live }

// Count returns the number of images, about if the source is a video; -1 if it is unknown.
func (s Source) Count(ctx context.Context) int {
	switch {
	case s.open == nil:
		return 1
	case s.count == nil:
		return -1
	}
	return s.count(ctx)
}

// Image is one image of a source.
type Image struct {
	Name   string         // the source's, with number and time of a frame
	Source int            // index of the source
	Frame  *Frame         // nil unless the source is a stream
	Pixels *imaging.Image // reduced to Options.Needed
	Size   geom.Size      // of the whole image; zero if Pixels is nil
	Err    error          // names the image; then Pixels is nil

	large   string                         // file of an image that is not decoded at once; then Pixels is nil
	restore func() (*imaging.Image, error) // decodes the whole image; nil if Pixels is not reduced
}

// Whole returns the image, not reduced.
func (im Image) Whole() (*imaging.Image, error) {
	if im.restore == nil {
		return im.Pixels, nil
	}
	m, err := im.restore()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", im.Name, err)
	}
	return m, nil
}

// Large reports whether the image is too large to be decoded at once: Pixels is nil, and Strips reads it in parts.
func (im Image) Large() bool { return im.large != "" }

// Strips returns a reader of parts of the image. The caller must close it.
func (im Image) Strips() (*imaging.Strips, error) {
	if im.Large() {
		return imaging.OpenStrips(im.large, imaging.Limits{})
	}
	whole, err := im.Whole()
	if err != nil {
		return nil, err
	}
	return whole.Strips(), nil
}

// Frame is the place of an image in its stream.
type Frame struct {
	Number int           // from 0; -1 for the one image of a stream that has no more
	Time   time.Duration // from the beginning; negative if it is unknown
	Rate   float64       // frames per second of the stream as it is read; 0 if it is unknown
}

// stream gives the frames of a source in their order.
type stream interface {
	// next returns io.EOF at the end. After an error that wraps a *faultError it can be called again.
	next() (*imaging.Image, Frame, error)
	close()
}

// faultError concerns one place of a stream, which goes on.
type faultError struct{ error }

func (e *faultError) Unwrap() error { return e.error }

// isImage reports whether a file name has an extension of package imaging, or is that of a HEIC or AVIF image.
func isImage(path string) bool {
	return imaging.IsImage(path) || slices.Contains([]string{".heic", ".heif", ".avif"}, extension(path))
}

func extension(path string) string { return strings.ToLower(filepath.Ext(path)) }

// isVideo reports whether a file name is that of a video.
func isVideo(path string) bool {
	return slices.Contains([]string{".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv",
		".mjpg", ".mjpeg", ".m3u8"}, extension(path))
}

// size returns the size of the image in data before it is decoded.
func size(data []byte) (geom.Size, error) {
	if imaging.IsHEIF(data) {
		return imaging.SizeHEIF(data, imaging.Limits{})
	}
	head, err := imaging.Inspect(data, imaging.Limits{})
	return head.Size, err
}

// decode reads the image in data.
func decode(ctx context.Context, data []byte) (*imaging.Image, error) {
	var im Image
	err := im.decode(ctx, data, nil)
	return im.Pixels, err
}

// decode reads the image in data, reduced to what is needed.
func (im *Image) decode(ctx context.Context, data []byte, needed imaging.Needed) (err error) {
	if imaging.IsHEIF(data) {
		if im.Pixels, err = imaging.DecodeHEIF(ctx, data, imaging.Limits{}); err == nil {
			im.Size = geom.Size{W: im.Pixels.W, H: im.Pixels.H}
		}
		return err
	}
	if im.Pixels, im.Size, err = imaging.DecodeReduced(data, imaging.Limits{}, needed); err == nil && im.Size.W > im.Pixels.W {
		im.restore = func() (*imaging.Image, error) { return imaging.Decode(data, imaging.Limits{}) }
	}
	return err
}

// file is the source of a file that is an image.
func file(path, folder string) Source {
	return Source{Name: path, File: path, Path: path, Folder: folder, read: func(context.Context) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, &namedError{err}
		}
		defer f.Close()
		return readLimited(f)
	}}
}

// namedError is an error whose text has the name of the source already.
type namedError struct{ error }

func (e *namedError) Unwrap() error { return e.error }

// fileBytes is the limit of imaging.Limits.
const fileBytes = 64 << 20

// readLimited reads one byte more than an image may have: enough for the decoder to refuse it.
func readLimited(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, fileBytes+1)) }

// videoSource is the source of a video or camera.
func videoSource(path, name, folder string, o Options, live bool) Source {
	in := video.Input{Path: path, From: o.From, To: o.To, Stride: o.Stride}
	s := Source{Name: name, File: path, Path: path, Folder: folder, Video: true, live: live}
	s.open = func(ctx context.Context, o Options) (stream, error) { return openVideo(ctx, in, o, live) }
	if live {
		s.File = ""
		return s
	}
	s.count = func(ctx context.Context) int {
		info, err := video.Probe(ctx, in)
		if err != nil || info.Duration == 0 {
			return -1
		}
		return info.Frames(in)
	}
	return s
}

// frameName is the name of a frame.
func (s Source) frameName(f Frame) string {
	if f.Time < 0 {
		return fmt.Sprintf("%s frame %d", s.Name, f.Number)
	}
	return fmt.Sprintf("%s frame %d at %.2f s", s.Name, f.Number, f.Time.Seconds())
}
