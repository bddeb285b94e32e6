package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/imaging"
)

// stamp tells whether a file has changed; the zero stamp is of none.
type stamp struct {
	device, inode uint64
	size          int64
	modified      time.Time
}

// renamed tells whether another file lies at a path than before: it came there
// whole, by renaming.
func (s stamp) renamed(before stamp) bool {
	return s != stamp{} && (s.device != before.device || s.inode != before.inode)
}

// files is where models come from: the disk, or a test's memory.
type files interface {
	stat(path string) (stamp, error)
	// load reads a file and makes its model ready to run. It gives up between
	// its steps when the context ends.
	load(ctx context.Context, s Source) (*Model, error)
}

// disk has the models' files, which open puts on a device.
type disk struct {
	open    Open
	options []checkpoint.Option
}

func (disk) stat(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	s := stamp{size: info.Size(), modified: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(sys.Dev), sys.Ino
	}
	return s, nil
}

// load reads a file and opens its model. A file that changes meanwhile is read again by the next look at it,
// since the stamp is older than the change.
func (f disk) load(ctx context.Context, s Source) (_ *Model, err error) {
	stamp, err := f.stat(s.Path)
	if err != nil {
		return nil, err
	}
	loaded, err := detector.Load(s.Path, f.options...)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, closeAll, err := f.open(loaded)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, openError{err})
	}
	kept := false
	defer func() { // when warm panics, too
		if !kept {
			closeAll()
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := warm(d); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	kept = true
	return &Model{Name: s.Name, Version: loaded.Digest.String()[:12], Detector: d, path: s.Path, stamp: stamp, close: closeAll}, nil
}

// warm runs a detector on an empty image of a camera, so that the plan of its
// shape is there and a model that cannot run is found out. The image is of one
// size, whatever side a file says that its images have.
func warm(d *detector.Detector) error {
	_, _, err := d.Detect(imaging.New(640, 480))
	return err
}

// openError says that there was no device for a model.
type openError struct{ error }

func (e openError) Unwrap() error { return e.error }

// passing tells whether an error may be gone later though the file stays the
// same: the file was not read (too many open files, no permission, a failing
// disk), or there was no device or memory for its model.
func passing(err error) bool {
	var errno syscall.Errno
	var memory *engine.MemoryError
	var open openError
	return errors.As(err, &errno) || errors.As(err, &memory) || errors.As(err, &open)
}
