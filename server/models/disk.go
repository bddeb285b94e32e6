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

// stamp identifies a version of a file: it differs after a change. The zero stamp is
// that of a missing file.
type stamp struct {
	device, inode uint64
	size          int64
	modified      time.Time
}

// renamed reports whether a path has another file than before. Such a file was renamed
// to the path, so it is complete.
func (s stamp) renamed(before stamp) bool {
	return s != stamp{} && (s.device != before.device || s.inode != before.inode)
}

// files loads models: from disk, or from memory in tests.
type files interface {
	stat(path string) (stamp, error)
	// load reads a file and prepares its model for inference. If the context ends,
	// it stops after the current step.
	load(ctx context.Context, s Source) (*Model, error)
}

// disk loads model files, and copies models to a device with open.
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

// load reads a file and opens its model. The stamp is taken first: if the file changes
// meanwhile, the next check sees another stamp and loads it again.
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
		return nil, fmt.Errorf("%s: %w", s.Path, deviceError{err})
	}
	kept := false
	defer func() { // also if warm panics
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

// warm runs a detector on a black 640x480 image. This compiles the plan for a common
// size, and fails for a model that cannot run.
func warm(d *detector.Detector) error {
	_, _, err := d.Detect(imaging.New(640, 480))
	return err
}

// deviceError is an error of copying a model to a device.
type deviceError struct{ error }

func (e deviceError) Unwrap() error { return e.error }

// transient reports whether an error may go away without a change of the file: the file
// could not be read (too many open files, no permission, a failing disk), or the model
// could not be copied to a device, or memory was short.
func transient(err error) bool {
	var errno syscall.Errno
	var memory *engine.MemoryError
	var open deviceError
	return errors.As(err, &errno) || errors.As(err, &memory) || errors.As(err, &open)
}
