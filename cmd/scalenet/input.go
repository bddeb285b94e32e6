package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// readFiles are the files and folders that a command reads. They are examined only
// if an output exists, because a new file cannot be an input.
type readFiles struct {
	paths   []string
	files   map[fileID]string // as they were named
	folders []readFolder
}

type readFolder struct{ named, real string }

// fileID identifies a file, by whatever path or link.
type fileID struct{ device, number uint64 }

func identify(info fs.FileInfo) fileID {
	stat := info.Sys().(*syscall.Stat_t)
	return fileID{uint64(stat.Dev), stat.Ino}
}

// look finds the files and folders of the paths. A path that does not exist is
// skipped: reading it gives the error.
func (r *readFiles) look() {
	if r.files != nil {
		return
	}
	r.files = make(map[fileID]string, len(r.paths))
	for _, path := range r.paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			r.folders = append(r.folders, readFolder{path, resolve(path)})
		default:
			r.files[identify(info)] = path
		}
	}
}

// refuse returns an error if the output path is an input.
func (r *readFiles) refuse(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // a new file, or what whoever writes it says
	}
	r.look()
	if input, ok := r.files[identify(info)]; ok {
		if input == path {
			return fmt.Errorf("%s: is the input", path)
		}
		return fmt.Errorf("%s: is the input %s", path, input)
	}
	real := resolve(path)
	for _, folder := range r.folders {
		if isBelow(real, folder.real) {
			return fmt.Errorf("%s: is part of the input %s", path, folder.named)
		}
	}
	return nil
}

// samePath reports whether two paths name the same file or folder, which need not
// exist.
func samePath(a, b string) (bool, error) {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB), nil
	}
	for _, err := range []error{errA, errB} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return resolve(a) == resolve(b), nil
}

// resolve returns path as an absolute path without links. The file need not exist.
func resolve(path string) string {
	separator := string(filepath.Separator)
	if !filepath.IsAbs(path) {
		folder, err := os.Getwd()
		if err != nil {
			return filepath.Clean(path)
		}
		path = folder + separator + path
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir, name := filepath.Split(strings.TrimRight(path, separator))
	if dir == path {
		return path
	}
	return filepath.Join(resolve(dir), name)
}
