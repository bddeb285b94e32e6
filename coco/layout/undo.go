package layout

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// folder makes the folder of a data set, or with Add fills one that may exist. An existing folder is as it was after an error, so
// that nothing is in the way of the call that is right.
func (w *Writer) folder(dir string, write func(dir string) error) error {
	return NewFolder(dir, w.Add, func(dir string) error {
		return w.whole(func() error { return write(dir) })
	})
}

// whole calls write. If that returns an error, what it has made is removed, the last first.
func (w *Writer) whole(write func() error) error {
	w.made = nil
	err := write()
	if err != nil {
		for _, remove := range slices.Backward(w.made) {
			remove()
		}
	}
	w.made = nil
	return err
}

// part makes a folder that belongs to one part, completely or not at all.
func (w *Writer) part(dir string, write func(dir string) error) error {
	if err := w.mkdir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := NewFolder(dir, false, write); err != nil {
		return err
	}
	w.made = append(w.made, func() { os.RemoveAll(dir) })
	return nil
}

// mkdir makes a folder that parts share, and those above it. Another process may add to it: after an error it is removed only if it
// is empty.
func (w *Writer) mkdir(dir string) error {
	if parent := filepath.Dir(dir); parent != dir {
		if _, err := os.Lstat(parent); errors.Is(err, fs.ErrNotExist) {
			if err := w.mkdir(parent); err != nil {
				return err
			}
		}
	}
	w.file(dir)
	return os.MkdirAll(dir, 0o755)
}

// file notes a file that is about to be written. One that exists is kept after an error.
func (w *Writer) file(path string) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		w.made = append(w.made, func() { os.Remove(path) })
	}
}
